// Asks a server everything that the official client can ask of speech, and writes the answers
// down; judges nothing.
//
// Run as `node client.mjs BASE_URL SAMPLE`, the key in OPENAI_API_KEY.

import fs from "node:fs";
import OpenAI from "openai";

const [baseURL, sample] = process.argv.slice(2);
const client = new OpenAI({ baseURL, maxRetries: 0 });
const { transcriptions, translations } = client.audio;

const TOO_LARGE_BYTES = 26_214_401;

function upload() {
  return { file: fs.createReadStream(sample), model: "whisper-1" };
}

async function collected(stream) {
  const events = [];
  for await (const event of await stream) events.push(event);
  return events;
}

async function inFormats(resource, forms) {
  const answers = {};
  for (const form of forms) {
    answers[form] = await resource.create({ ...upload(), response_format: form });
  }
  return answers;
}

async function refusal(promise) {
  try {
    await promise;
  } catch (error) {
    const { status, code, param, message, requestID } = error;
    return { kind: error.constructor.name, status, code, param, message, requestID };
  }
  return null;
}

const asked = {
  transcriptions: () =>
    inFormats(transcriptions, ["json", "text", "srt", "vtt", "verbose_json"]),
  translations: () => inFormats(translations, ["json", "srt", "verbose_json"]),

  words: () =>
    transcriptions.create({
      ...upload(),
      response_format: "verbose_json",
      timestamp_granularities: ["word", "segment"],
    }),

  parameters: () =>
    transcriptions.create({
      ...upload(),
      model: "gpt-4o-transcribe",
      language: "en",
      prompt: "Nature speaks.",
      temperature: 0,
      include: ["logprobs"],
      chunking_strategy: { type: "server_vad", threshold: 0.4, prefix_padding_ms: 100 },
    }),

  stream: () =>
    collected(transcriptions.create({ ...upload(), stream: true, chunking_strategy: "auto" })),

  scored: () =>
    collected(transcriptions.create({ ...upload(), stream: true, include: ["logprobs"] })),

  async headers() {
    const { response, request_id } = await transcriptions.create(upload()).withResponse();
    return { ...Object.fromEntries(response.headers), request_id };
  },

  async models() {
    const models = [];
    for await (const model of client.models.list()) models.push(model.id);
    return models;
  },

  model: () => client.models.retrieve("whisper-1"),

  hot: () => refusal(transcriptions.create({ ...upload(), temperature: 2 })),
  unknown: () => refusal(transcriptions.create({ ...upload(), model: "whispr-1" })),
  text: () => refusal(transcriptions.create({ ...upload(), file: new File(["words"], "a.mp3") })),
  stranger: () => refusal(client.withOptions({ apiKey: "wrong" }).models.list()),

  large: () => {
    const file = new File([Buffer.alloc(TOO_LARGE_BYTES)], "large.wav");
    return refusal(transcriptions.create({ file, model: "whisper-1" }));
  },
};

const answers = {};
for (const [name, ask] of Object.entries(asked)) answers[name] = await ask();
console.log(JSON.stringify(answers));
