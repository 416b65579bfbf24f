/**
 * One live session: microphone in, words out; knows no page.
 * @module
 */

import { ApiError, openSocket } from "./api.js";
import { openMicrophone } from "./recorder.js";

const WANTED_RATE = 16_000;
const LATE_BYTES = 160_000;

/** @typedef {{start: number, end: number, text: string, speaker?: string | null}} LiveWord */

/**
 * What a session tells. Times are seconds since it began.
 * @typedef {object} Heard
 * @property {"partial" | "final"} kind
 * @property {string} text
 * @property {number} start
 * @property {number} end
 * @property {string} speaker "" where nobody is told apart.
 * @property {LiveWord[]} words
 * @property {number} lateS How long after its last word it came.
 */

/**
 * @typedef {object} LiveOptions
 * @property {string} model
 * @property {string} language "" to detect it.
 * @property {boolean} diarise
 * @property {string} deviceId "" for the usual one.
 * @property {(heard: Heard) => void} onHeard
 * @property {(rms: number) => void} onLevel
 * @property {(isLate: boolean) => void} onLate The connection is too slow for the sound.
 * @property {(error: Error | null) => void} onEnd With why, null if all was said.
 */

/** Follows the microphone until told to stop. */
export class LiveSession {
  /** @param {LiveOptions} options */
  constructor(options) {
    this.options = options;
    /** @type {MediaStream | null} */
    this.sound = null;
    /** @type {{context: AudioContext, source: MediaStreamAudioSourceNode} | null} */
    this.audio = null;
    /** @type {WebSocket | null} */
    this.socket = null;
    this.beganAt = 0;
    /** @type {Error | null} */
    this.failure = null;
    this.isOver = false;
    this.isStopping = false;
  }

  /** Open the microphone, then the session. */
  async start() {
    const { deviceId } = this.options;
    this.sound = await openMicrophone(deviceId ? { deviceId: { exact: deviceId } } : {});
    if (this.isOver) {
      this.release();
      return;
    }
    this.audio = audioFor(this.sound);
    await this.audio.context.audioWorklet.addModule(new URL("./capture-worklet.js", import.meta.url));
    await this.connect();
    const capture = new AudioWorkletNode(this.audio.context, "capture", { numberOfOutputs: 0 });
    capture.port.onmessage = (event) => this.send(event.data);
    this.audio.source.connect(capture);
  }

  /** Say that nothing more comes; what was said is still written down. */
  stop() {
    if (this.isStopping) return;
    this.isStopping = true;
    this.release();
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send('{"done": true}');
    else this.end(null);
  }

  /** Drop everything at once. */
  close() {
    this.isOver = true;
    this.release();
    this.socket?.close();
  }

  /** @returns {Promise<void>} */
  connect() {
    return new Promise((resolve, reject) => {
      const { model, language, diarise } = this.options;
      const socket = openSocket("/v1/audio/transcriptions-realtime", { model });
      this.socket = socket;
      socket.onopen = () => {
        const rate = this.audio?.context.sampleRate ?? WANTED_RATE;
        socket.send(JSON.stringify({ sample_rate: rate, ...(language && { language }), ...(diarise && { diarise }) }));
        resolve();
      };
      socket.onmessage = (event) => this.take(JSON.parse(event.data));
      socket.onclose = (event) => {
        const error = reasonOf(event);
        this.end(error);
        reject(error ?? new Error("The session ended before it began."));
      };
    });
  }

  /** @param {{buffer: ArrayBuffer, rms: number}} piece */
  send({ buffer, rms }) {
    if (this.isStopping || this.socket?.readyState !== WebSocket.OPEN) return;
    this.beganAt ||= performance.now() - 50;
    this.socket.send(buffer);
    this.options.onLevel(rms);
    this.options.onLate(this.socket.bufferedAmount > LATE_BYTES);
  }

  /** @param {any} frame */
  take(frame) {
    const isFinal = frame.message_type === "FinalTranscript";
    if (frame.error) this.failure = new ApiError(frame.error.message, { code: frame.error.code });
    const end = frame.audio_end / 1000;
    this.options.onHeard({
      kind: isFinal ? "final" : "partial",
      text: frame.text,
      start: frame.audio_start / 1000,
      end,
      speaker: frame.speaker ?? "",
      words: frame.words.map((/** @type {LiveWord} */ word) => ({ ...word, start: word.start / 1000, end: word.end / 1000 })),
      lateS: Math.max(0, (performance.now() - this.beganAt) / 1000 - lastWordEnd(frame, end)),
    });
  }

  /** @param {Error | null} error */
  end(error) {
    if (this.isOver) return;
    this.isOver = true;
    this.release();
    this.options.onEnd(error ?? this.failure ?? null);
  }

  /** Let go of the microphone. */
  release() {
    for (const track of this.sound?.getTracks() ?? []) track.stop();
    if (this.audio && this.audio.context.state !== "closed") this.audio.context.close();
  }
}

/**
 * @param {any} frame
 * @param {number} otherwise
 */
function lastWordEnd(frame, otherwise) {
  const last = frame.words.at(-1);
  return last ? last.end / 1000 : otherwise;
}

/**
 * Open a context at the rate that models hear, or at the microphone's own where a browser cannot.
 * @param {MediaStream} sound
 */
function audioFor(sound) {
  try {
    const context = new AudioContext({ sampleRate: WANTED_RATE });
    return { context, source: context.createMediaStreamSource(sound) };
  } catch {
    const context = new AudioContext();
    return { context, source: context.createMediaStreamSource(sound) };
  }
}

/**
 * Put the end of a socket in words.
 * @param {CloseEvent} event
 * @returns {ApiError | null}
 */
function reasonOf(event) {
  if (event.code === 1000) return null;
  const [code, ...words] = event.reason.split(": ");
  if (event.code === 1006 || !event.reason) {
    return new ApiError("The connection was lost. What you see is all that came.", { code: "connection_lost" });
  }
  return new ApiError(words.join(": ") || code, { code, status: event.code === 3000 ? 401 : 0 });
}
