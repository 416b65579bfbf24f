"""eSpeak NG: the sounds of words in a hundred languages, and a voice that can speak them all.

Its licence is the GPL, version 3. It is loaded in child processes only.
"""
