"""Live captions of a microphone from a Loquent server: the client that A15T's document prints.

Nothing but its host and key is changed. It wants `pip install websocket-client pyaudio`.
"""

import json
import os

import websocket
import pyaudio

from threading import Thread

# CHANGEME: set API key
API_KEY = os.environ.get("LOQUENT_API_KEY", "sk-...")

MODEL = "assemblyai/assemblyai"
HOST = "ws://127.0.0.1:8000"

FRAMES_PER_BUFFER = 3200
FORMAT = pyaudio.paInt16
CHANNELS = 1
SAMPLE_RATE = 16000
p = pyaudio.PyAudio()

stream = p.open(
    format=FORMAT,
    channels=CHANNELS,
    rate=SAMPLE_RATE,
    input=True,
    frames_per_buffer=FRAMES_PER_BUFFER,
)


def on_message(ws, message):
    """
    is being called on every message
    """
    transcript = json.loads(message)
    text = transcript["text"]
    if text != "":
        if transcript["message_type"] == "PartialTranscript":
            print(f"Partial transcript received: {text}")
        elif transcript["message_type"] == "FinalTranscript":
            print(f"Final transcript received: {text}")


def on_error(ws, error):
    print(error)


def on_close(ws, close_status_code, close_msg):
    print("### closed ###")


def on_open(ws):
    print("Opened connection")

    init = {"sample_rate": 16000}
    ws.send_text(json.dumps(init))

    def send_data():
        while True:
            # read from the microphone
            data = stream.read(FRAMES_PER_BUFFER)

            # binary data can be sent directly
            ws.send(data, opcode=websocket.ABNF.OPCODE_BINARY)

    # Start a thread where we send data to avoid blocking the 'read' thread
    Thread(target=send_data).start()


ws = websocket.WebSocketApp(
    url=f"{HOST}/v1/audio/transcriptions-realtime?model={MODEL}",
    header={"Authorization": f"Bearer {API_KEY}"},
    on_message=on_message,
    on_error=on_error,
    on_close=on_close,
    on_open=on_open,
)

# In this example we run forever, though in a real application the websocket should be closed
# via a termination message.
ws.run_forever()
