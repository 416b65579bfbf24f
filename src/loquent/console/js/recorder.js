/**
 * Opens the microphone, and says in words why it cannot.
 * @module
 */

const WHY = /** @type {Record<string, string>} */ ({
  NotAllowedError:
    "The browser may not use the microphone. Allow it at the left of the address bar, then try again.",
  NotFoundError: "There is no microphone. Plug one in, then try again.",
  NotReadableError: "Another program holds the microphone. Close it there, then try again.",
});

/**
 * Open the microphone.
 * @param {MediaTrackConstraints} [wishes]
 * @returns {Promise<MediaStream>}
 * @throws {Error} That says what to do.
 */
export async function openMicrophone(wishes = {}) {
  if (!navigator.mediaDevices) {
    throw new Error(
      "Browsers give the microphone only to pages on localhost or over https. Serve with --tls-cert and --tls-key, or open the console on the machine itself.",
    );
  }
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: { channelCount: 1, echoCancellation: true, noiseSuppression: false, ...wishes },
    });
  } catch (error) {
    const name = error instanceof DOMException ? error.name : "";
    throw new Error(WHY[name] ?? "The microphone cannot be opened.");
  }
}

/**
 * Record until told to stop.
 * @param {MediaStream} sound
 * @returns {{stop: () => Promise<File>}}
 */
export function record(sound) {
  const recorder = new MediaRecorder(sound);
  /** @type {Blob[]} */
  const parts = [];
  recorder.ondataavailable = (event) => parts.push(event.data);
  recorder.start(1000);
  return {
    stop: () =>
      new Promise((resolve) => {
        recorder.onstop = () => {
          for (const track of sound.getTracks()) track.stop();
          const type = recorder.mimeType.split(";")[0] || "audio/webm";
          const ending = type.split("/")[1] || "webm";
          const at = new Date().toISOString().slice(0, 19).replaceAll(":", "-");
          resolve(new File(parts, `recording-${at}.${ending}`, { type }));
        };
        recorder.stop();
      }),
  };
}

/**
 * Show how loud it is, until the signal is aborted.
 * @param {MediaStream} sound
 * @param {(level: number) => void} tell From 0 to 1, about 30 times a second.
 * @param {AbortSignal} signal
 */
export function watchLevel(sound, tell, signal) {
  const audio = new AudioContext();
  const analyser = new AnalyserNode(audio, { fftSize: 1024 });
  audio.createMediaStreamSource(sound).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    let sum = 0;
    for (const sample of samples) sum += sample * sample;
    tell(levelOf(Math.sqrt(sum / samples.length)));
  }, 33);
  signal.addEventListener("abort", () => {
    clearInterval(timer);
    audio.close();
  });
}

/**
 * Bring loudness to 0..1 as ears hear it, from -60 to -6 decibels.
 * @param {number} rms
 */
export function levelOf(rms) {
  return Math.min(1, Math.max(0, (20 * Math.log10(rms + 1e-7) + 60) / 54));
}
