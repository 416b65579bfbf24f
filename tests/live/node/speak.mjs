// Speaks a text with the official client, whole and chunk by chunk, and prints what came as JSON.
import OpenAI from "openai";

const [url, key, input] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
const request = { model: "kokoro", voice: "af_heart", input, response_format: "pcm" };

const whole = await client.audio.speech.create(request);
const nBytes = (await whole.arrayBuffer()).byteLength;

const streamed = await client.audio.speech.create(request);
const sizes = [];
for await (const chunk of streamed.body) sizes.push(chunk.length);

const total = sizes.reduce((sum, size) => sum + size, 0);
const type = streamed.headers.get("content-type");
console.log(JSON.stringify({ nBytes, nChunks: sizes.length, total, type }));
