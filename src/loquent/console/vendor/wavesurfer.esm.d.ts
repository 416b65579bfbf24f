/** The part of wavesurfer.js that the console uses; never sent to browsers. */
export interface WaveSurferOptions {
  container: HTMLElement;
  media?: HTMLMediaElement;
  peaks?: (Float32Array | number[])[];
  duration?: number;
  height?: number | "auto";
  waveColor?: string | string[];
  progressColor?: string | string[];
  cursorColor?: string;
  cursorWidth?: number;
  barWidth?: number;
  barGap?: number;
  barRadius?: number;
  minPxPerSec?: number;
  normalize?: boolean;
  dragToSeek?: boolean;
  hideScrollbar?: boolean;
  cspNonce?: string;
}
export default class WaveSurfer {
  static create(options: WaveSurferOptions): WaveSurfer;
  on(event: string, listener: (...values: any[]) => void): () => void;
  setTime(seconds: number): void;
  setOptions(options: Partial<WaveSurferOptions>): void;
  getWrapper(): HTMLElement;
  destroy(): void;
}
