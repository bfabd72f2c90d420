// The microphone: press to record, press again to ask with what was heard.

// What to do at a press of ``button``; ``give`` is handed the recording as a file, ``say`` told what goes on.
export function startRecorder(button, say, give) {
  let recorder = null;

  function show() {
    const name = recorder ? "Stop recording and search with it" : "Record from the microphone";
    button.setAttribute("aria-pressed", String(recorder != null));
    button.setAttribute("aria-label", name);
    button.title = name;
  }

  async function record() {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: false, noiseSuppression: false } });
    const chunks = [];
    recorder = new MediaRecorder(stream);
    recorder.addEventListener("dataavailable", (event) => chunks.push(event.data));
    recorder.addEventListener("stop", async () => {
      const extension = recorder.mimeType.includes("ogg") ? "ogg" : recorder.mimeType.includes("mp4") ? "m4a" : "webm";
      for (const track of stream.getTracks()) track.stop();
      recorder = null;
      show();
      await give([new File(chunks, `recording.${extension}`)]);
    });
    recorder.start();
    say("Recording; press again to search with it.");
  }

  return async () => {
    if (recorder) { recorder.stop(); return; }
    try {
      await record();
    } catch (error) {
      recorder = null;
      say(`The microphone cannot be used: ${error.message}`);
    }
    show();
  };
}
