/**
 * Loads what others wrote, on the pages that need it and no sooner.
 * @module
 */

import { h } from "./dom.js";

/** Load the drawing of waves. */
export async function loadWaveSurfer() {
  return (await import("../vendor/wavesurfer.esm.js")).default;
}

/** @type {Promise<any> | null} */
let charts = null;

/** Load the drawing of charts, with its stylesheet: its small form is a script, not a module. */
export function loadUplot() {
  charts ??= new Promise((resolve, reject) => {
    const script = h("script", { src: "console/vendor/uPlot.iife.min.js" });
    script.onload = () => resolve(/** @type {any} */ (window).uPlot);
    script.onerror = () => {
      charts = null;
      script.remove();
      reject(new Error("The drawing of charts could not be loaded."));
    };
    document.head.append(h("link", { rel: "stylesheet", href: "console/vendor/uPlot.min.css" }), script);
  });
  return charts;
}
