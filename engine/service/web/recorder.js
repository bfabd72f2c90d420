// The microphone: press to record, press again to ask with what was heard; Escape drops it.

const MOST_SECONDS = 30, SILENCE = 0.003; // of full scale; a quiet room is louder

// What ``stream`` sounds like from now on: ``heard`` is called with the loudness (0 to 1) many times a second.
function listen(stream, heard) {
  const context = new AudioContext(), analyser = context.createAnalyser();
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    heard(Math.max(...samples.map(Math.abs)));
  }, 60);
  return () => { clearInterval(timer); context.close(); };
}

// What to do at a press of ``button``; ``give`` is handed the recording as a file, ``say`` told what goes on.
export function startRecorder(button, say, give) {
  let recorder = null, isStarting = false, stopListening = null, timer = null, isWanted = true, loudest = 0;
  const clock = button.querySelector("span");

  function show() {
    const name = recorder ? "Stop recording and search with it" : "Record from the microphone";
    button.setAttribute("aria-pressed", String(recorder != null));
    button.setAttribute("aria-label", name);
    button.title = name;
    button.style.removeProperty("--level");
    clock.textContent = recorder ? "0:00" : "";
  }

  function end() {
    stopListening?.();
    clearInterval(timer);
    for (const track of recorder?.stream.getTracks() ?? []) track.stop();
    recorder = stopListening = null;
    show();
  }

  async function record() {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false } });
    const chunks = [], began = Date.now();
    recorder = new MediaRecorder(stream);
    [isWanted, loudest] = [true, 0];
    recorder.addEventListener("dataavailable", (event) => chunks.push(event.data));
    recorder.addEventListener("stop", async () => {
      const extension = recorder.mimeType.includes("ogg") ? "ogg" : recorder.mimeType.includes("mp4") ? "m4a" : "webm";
      end();
      if (!isWanted) say("");
      else if (loudest < SILENCE) say("Nothing was heard. Is the right microphone switched on?", true);
      else await give(new File(chunks, `recording.${extension}`));
    });
    stopListening = listen(stream, (level) => {
      loudest = Math.max(loudest, level);
      button.style.setProperty("--level", Math.min(1, Math.sqrt(level)).toFixed(2));
    });
    timer = setInterval(() => {
      const seconds = Math.floor((Date.now() - began) / 1000);
      clock.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
      if (seconds >= MOST_SECONDS && recorder.state === "recording") recorder.stop();
    }, 200);
    recorder.start();
    say("Listening. Press again to search with what was heard, Escape to drop it.");
  }

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || recorder?.state !== "recording") return;
    event.preventDefault(); // it would clear the box
    isWanted = false;
    recorder.stop();
  });

  return async () => {
    if (recorder) { if (recorder.state === "recording") recorder.stop(); return; }
    if (isStarting) return; // the browser is still asking whether it may
    isStarting = true;
    try {
      await record();
      show();
    } catch (error) {
      end();
      say(navigator.mediaDevices ? `The microphone cannot be used: ${error.message}` : "Browsers let pages hear only at 127.0.0.1 or over https.", true);
    } finally {
      isStarting = false;
    }
  };
}
