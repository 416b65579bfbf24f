/**
 * Plays speech while it is still being made, where the browser can.
 * @module
 */

/** What MediaSource takes in pieces, by our names of formats. */
const IN_PIECES = /** @type {Record<string, string>} */ ({ mp3: "audio/mpeg", aac: "audio/aac" });

/**
 * Tell whether a format can be heard before it is whole.
 * @param {string} format
 */
export function playsInPieces(format) {
  const type = IN_PIECES[format];
  return Boolean(type && "MediaSource" in window && MediaSource.isTypeSupported(type));
}

/**
 * Play an answer, from its first piece on if that can be.
 * @param {Response} response
 * @param {string} format
 * @param {HTMLAudioElement} audio
 * @param {(nBytes: number) => void} tell How much has come.
 * @returns {Promise<Blob>} All of it.
 */
export async function playWhileItComes(response, format, audio, tell) {
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const pieces = [];
  const sink = playsInPieces(format) ? await openSink(audio, IN_PIECES[format]) : null;
  const reader = response.body?.getReader();
  let nBytes = 0;
  while (reader) {
    const { value, done } = await reader.read();
    if (done) break;
    pieces.push(/** @type {Uint8Array<ArrayBuffer>} */ (value));
    nBytes += value.length;
    tell(nBytes);
    await sink?.add(value);
  }
  const type = response.headers.get("content-type") ?? "application/octet-stream";
  const whole = new Blob(pieces, { type });
  if (sink) await sink.close();
  else {
    const heard = format === "pcm" ? new Blob([waveHead(nBytes, 24_000), whole], { type: "audio/wav" }) : whole;
    audio.src = URL.createObjectURL(heard);
    await audio.play().catch(() => undefined);
  }
  return whole;
}

/**
 * @param {HTMLAudioElement} audio
 * @param {string} type
 */
async function openSink(audio, type) {
  const source = new MediaSource();
  audio.src = URL.createObjectURL(source);
  await happened(source, "sourceopen");
  const buffer = source.addSourceBuffer(type);
  audio.play().catch(() => undefined);
  return {
    async add(/** @type {Uint8Array} */ piece) {
      buffer.appendBuffer(/** @type {Uint8Array<ArrayBuffer>} */ (piece));
      await happened(buffer, "updateend");
    },
    async close() {
      if (source.readyState === "open") source.endOfStream();
    },
  };
}

/**
 * @param {EventTarget} target
 * @param {string} name
 */
function happened(target, name) {
  return new Promise((resolve) => target.addEventListener(name, resolve, { once: true }));
}

/**
 * Write the head of a wav file, so that bare samples can be heard.
 * @param {number} nBytes
 * @param {number} rate
 */
function waveHead(nBytes, rate) {
  const head = new DataView(new ArrayBuffer(44));
  const text = (/** @type {number} */ at, /** @type {string} */ word) =>
    [...word].forEach((sign, i) => head.setUint8(at + i, sign.charCodeAt(0)));
  text(0, "RIFF");
  head.setUint32(4, 36 + nBytes, true);
  text(8, "WAVEfmt ");
  head.setUint32(16, 16, true);
  head.setUint16(20, 1, true);
  head.setUint16(22, 1, true);
  head.setUint32(24, rate, true);
  head.setUint32(28, rate * 2, true);
  head.setUint16(32, 2, true);
  head.setUint16(34, 16, true);
  text(36, "data");
  head.setUint32(40, nBytes, true);
  return head.buffer;
}
