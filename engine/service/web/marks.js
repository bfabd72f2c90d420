// Words of the query in a text, endings aside: the same as engine/query/excerpt.py finds.

const WORD = /[\p{L}\p{N}_]+(?:['’][\p{L}\p{N}_]+)*/gu;
const ENDINGS = [["ies", "es", "'s", "’s", "s"], ["ing", "ed", "e", "y"]], SHORTEST_STEM = 3;
const EMPTY = new Set(("a an and are as at be but by can do does for from had has have how i if in into is it its me my no not of on "
  + "or our s so some that the their them there these they this those to was we were what when where which who why will with you your").split(" "));

function stem(word) {
  let plain = word.toLowerCase().normalize("NFKD").replace(/\p{M}/gu, "");
  for (const endings of ENDINGS) {
    const ending = endings.find((each) => plain.endsWith(each) && plain.length - each.length >= SHORTEST_STEM && !plain.endsWith("ss"));
    if (ending) plain = plain.slice(0, -ending.length);
  }
  return plain;
}

// Text is only ever set as text; words of the query are wrapped in <mark>.
export function showMarked(element, text, words) {
  const asked = words.flatMap((each) => each.match(WORD) ?? []).filter((word) => !EMPTY.has(word.toLowerCase()));
  const wanted = new Set(asked.map(stem));
  element.replaceChildren();
  let at = 0;
  for (const found of text.matchAll(WORD)) {
    if (!wanted.has(stem(found[0]))) continue;
    element.append(text.slice(at, found.index), Object.assign(document.createElement("mark"), { textContent: found[0] }));
    at = found.index + found[0].length;
  }
  element.append(text.slice(at));
}
