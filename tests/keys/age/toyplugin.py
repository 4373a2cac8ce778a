"""A tiny age plugin (https://c2sp.org/age-plugin), the test's own: age-plugin-toy.

It "encrypts" by XOR with a hash of the recipient, and its identity holds the same bytes. Data that starts with `ask`
makes it ask for a secret first, `fail` makes it fail. It notes each start in the file $TOY_LOG. Run as a program.
"""

import base64
import hashlib
import os
import sys

CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def data_of(text):
    bits = "".join(f"{CHARSET.index(letter):05b}" for letter in text.lower().rpartition("1")[2][:-6])
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits) - len(bits) % 8, 8))


def crypt(data, key):
    return bytes(one ^ two for one, two in zip(key, hashlib.sha256(data).digest(), strict=False))


def read():
    words = sys.stdin.readline().split()[1:]
    body = ""
    while True:
        line = sys.stdin.readline().rstrip("\n")
        body += line
        if len(line) < 64:
            return words, base64.b64decode(body + "=" * (-len(body) % 4))


def send(*words, body=b""):
    text = base64.b64encode(body).decode().rstrip("=")
    sys.stdout.write("-> " + " ".join(words) + "\n" + text + "\n")
    sys.stdout.flush()


def ask(*words, body=b""):
    send(*words, body=body)
    return read()


def main(phase):
    with open(os.environ["TOY_LOG"], "a") as log:
        log.write(phase + "\n")
    own, keys, stanzas = [], [], []
    while (message := read())[0][0] != "done":
        words, body = message
        if words[0] in ("add-recipient", "add-identity"):
            own.append(data_of(words[1]))
        elif words[0] == "wrap-file-key":
            keys.append(body)
        elif words[0] == "recipient-stanza" and words[2] == "toy":
            stanzas.append((words[1], words[3], body))
    for data in own:
        if data.startswith(b"fail"):
            ask("error", "internal", body=b"the toy is broken\x1b[2J")
        if data.startswith(b"ask"):
            answer, secret = ask("request-secret", body=b"PIN of the toy")
            if answer[0] != "ok" or secret != b"1234":
                ask("error", "internal", body=b"no PIN")
                continue
        tag = hashlib.sha256(b"tag" + data).hexdigest()
        for number, key in enumerate(keys):
            ask("recipient-stanza", str(number), "toy", tag, body=crypt(data, key))
        for number, theirs, body in stanzas:
            if theirs == tag:
                ask("file-key", number, body=crypt(data, body))
    send("done")


main(sys.argv[1].removeprefix("--age-plugin="))
