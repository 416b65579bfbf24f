/**
 * Brings the text of an answer and its times together; knows no element.
 * @module
 */

/**
 * Something that is heard at a time: a word, or a whole segment where no words are told.
 * @typedef {object} Atom
 * @property {string} text
 * @property {string} before What stands between it and the one before: white space, or nothing.
 * @property {number} start Seconds.
 * @property {number} end
 */

/**
 * What one speaker says without a long pause.
 * @typedef {object} Paragraph
 * @property {string} speaker "" where nobody was told apart.
 * @property {number} start
 * @property {Atom[]} atoms
 */

/** @typedef {{word: string, start: number, end: number, speaker?: string | null}} Word */
/** @typedef {{text: string, start: number, end: number, speaker?: string | null}} Segment */

/**
 * What an answer tells, whatever form it came in.
 * @typedef {object} Answer
 * @property {string} text
 * @property {Word[]} [words]
 * @property {Segment[]} [segments]
 * @property {string} [language] An English name, or a code.
 * @property {{code: string}[]} [languages] In the place of it at the end of a stream.
 */

const PAUSE_S = 1.5;
const LONG_PARAGRAPH = 520;

/** Signs that may stand between two words and belong to neither. */
const MOST_BETWEEN = 8;

/**
 * Cut an answer into paragraphs.
 * @param {Answer} answer
 * @returns {Paragraph[]}
 */
export function paragraphs(answer) {
  const words = [...(answer.words ?? [])];
  /** @type {Paragraph[]} */
  const found = [];
  let lastEnd = 0;
  for (const segment of answer.segments ?? []) {
    const atoms = atomsOf(segment, words);
    if (atoms.length === 0) continue;
    const speaker = segment.speaker ?? "";
    const last = found.at(-1);
    const isNew =
      !last ||
      last.speaker !== speaker ||
      atoms[0].start - lastEnd > PAUSE_S ||
      (length(last) > LONG_PARAGRAPH && endsSentence(last));
    if (isNew) found.push({ speaker, start: atoms[0].start, atoms });
    else {
      atoms[0].before ||= segment.text.startsWith(" ") || needsSpace(last) ? " " : "";
      last.atoms.push(...atoms);
    }
    lastEnd = atoms[atoms.length - 1].end;
  }
  return found;
}

/**
 * Take the words of a segment from the front of `words`.
 * @param {Segment} segment
 * @param {Word[]} words
 * @returns {Atom[]}
 */
function atomsOf(segment, words) {
  const text = segment.text.trim();
  if (!text) return [];
  /** @type {Atom[]} */
  const atoms = [];
  let at = 0;
  while (words.length > 0) {
    const { word, start, end } = words[0];
    const found = text.indexOf(word, at);
    if (!word || found < 0 || found - at > MOST_BETWEEN || start >= segment.end + PAUSE_S) break;
    atoms.push({ text: word, before: text.slice(at, found), start, end });
    at = found + word.length;
    words.shift();
  }
  if (atoms.length === 0) return [{ text, before: "", start: segment.start, end: segment.end }];
  atoms[atoms.length - 1].text += text.slice(at);
  return atoms;
}

/** @param {Paragraph} paragraph */
function length(paragraph) {
  return paragraph.atoms.reduce((sum, atom) => sum + atom.text.length + 1, 0);
}

/** @param {Paragraph} paragraph */
function endsSentence(paragraph) {
  return /[.!?…。！？]["'”’)]*$/.test(paragraph.atoms.at(-1)?.text ?? "");
}

/**
 * Tell whether the script has spaces between words.
 * @param {Paragraph} paragraph
 */
function needsSpace(paragraph) {
  return !/[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0eff]$/.test(paragraph.atoms.at(-1)?.text ?? "");
}

/**
 * Find the atom that is heard, or was last.
 * @param {Atom[]} atoms In order of time.
 * @param {number} atS
 * @returns {number} Its index, -1 before the first.
 */
export function indexAt(atoms, atS) {
  let low = 0;
  let high = atoms.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (atoms[middle].start <= atS) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/**
 * Write paragraphs as plain text, a line for each where speakers are told apart.
 * @param {Paragraph[]} all
 * @param {(speaker: string) => string} nameOf
 */
export function plainText(all, nameOf) {
  const lines = all.map(({ speaker, atoms }) => {
    const text = atoms.map((atom) => atom.before + atom.text).join("").trim();
    return speaker ? `${nameOf(speaker)}: ${text}` : text;
  });
  return `${lines.join(all.some((each) => each.speaker) ? "\n" : "\n\n")}\n`;
}
