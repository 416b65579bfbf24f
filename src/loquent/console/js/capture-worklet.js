/**
 * Runs beside the microphone: turns its sound into 16 bits, 50 ms at a time.
 * @module
 */

const PIECE_S = 0.05;

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.piece = new Int16Array(Math.round(sampleRate * PIECE_S));
    this.filled = 0;
    this.energy = 0;
  }

  /**
   * @param {Float32Array[][]} inputs
   * @returns {boolean} Whether to go on.
   */
  process(inputs) {
    const channel = inputs[0]?.[0];
    if (!channel) return true;
    for (const sample of channel) {
      const bounded = Math.max(-1, Math.min(1, sample));
      this.piece[this.filled] = Math.round(bounded * 32767);
      this.filled += 1;
      this.energy += bounded * bounded;
      if (this.filled === this.piece.length) this.send();
    }
    return true;
  }

  send() {
    const { buffer } = this.piece.slice();
    this.port.postMessage({ buffer, rms: Math.sqrt(this.energy / this.filled) }, [buffer]);
    this.filled = 0;
    this.energy = 0;
  }
}

registerProcessor("capture", Capture);
