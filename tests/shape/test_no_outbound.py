"""Nothing leaves the machine that the operator did not set up.

`pilothouse up` runs in a network namespace of its own, whose only way out is an interface that leads nowhere and counts
what is sent to it. The kernel counts, so that native code is seen too: the engine, the model server, resolvers.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

INSIDE = """
import json, os, re, signal, socket, subprocess, sys, threading, urllib.request

def sent():
    lines = open("/proc/net/dev").read().splitlines()
    return next(int(line.split(":")[1].split()[9]) for line in lines if line.strip().startswith("way-out:"))

def ip(*words):
    subprocess.run(["ip", *words], check=True)

ip("link", "set", "lo", "up")
ip("link", "add", "way-out", "type", "veth", "peer", "name", "nowhere")
open("/proc/sys/net/ipv6/conf/all/disable_ipv6", "w").write("1")
for name in ("way-out", "nowhere"):
    ip("link", "set", name, "arp", "off", "multicast", "off", "up")
ip("addr", "add", "198.18.0.2/24", "dev", "way-out")
ip("route", "add", "default", "dev", "way-out")

quiet = sent()
probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
probe.sendto(b"x", ("198.51.100.1", 9))
noticed = sent() - quiet

begin = sent()
up = subprocess.Popen([sys.executable, "-m", "pilothouse.cli.main", "up"], stdout=subprocess.PIPE,
                      stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True)
key, models, text = "", "", ""
for line in up.stdout:
    text += line
    key = key or "".join(re.findall(r"ph_[0-9A-Za-z]{46}", line))
    models += line if "Models" in line else ""
    if line.startswith("curl"):
        break
def post(path, body):
    request = urllib.request.Request(f"http://127.0.0.1:4000{path}", json.dumps(body).encode(),
                                     {"authorization": f"Bearer {key}", "content-type": "application/json"})
    try:
        return urllib.request.urlopen(request, timeout=60).status
    except urllib.error.HTTPError as error:
        return error.code
status = post("/v1/chat/completions", {"model": "default", "max_tokens": 4,
                                       "messages": [{"role": "user", "content": "Hello"}]})
threading.Event().wait(5)
up.send_signal(signal.SIGINT)
text += up.communicate(timeout=30)[0]
print(json.dumps({"noticed": noticed, "sent": sent() - begin, "status": status, "models": models, "exit": up.returncode,
                  "text": text}))
"""


def may_unshare() -> bool:
    """Whether this user may make a network namespace with an interface in it."""
    if os.geteuid() != 0 or not shutil.which("ip") or not shutil.which("unshare"):
        return False
    make = "ip link add way-out type veth peer name nowhere"
    return subprocess.run(["unshare", "-n", "sh", "-c", make], capture_output=True, check=False).returncode == 0


@pytest.mark.timeout(150)
@pytest.mark.skipif(not may_unshare(), reason="needs root and network namespaces")
def test_a_running_installation_sends_nothing_out(tmp_path: Path) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PILOTHOUSE_")}
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        clean.pop(name, None)
    done = subprocess.run(
        ["unshare", "-n", sys.executable, "-c", INSIDE],
        capture_output=True, text=True, check=False, cwd=tmp_path,
        env={**clean, "PILOTHOUSE_DATA": str(tmp_path / "data")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["noticed"] == 1, "the counter does not count"
    assert found["exit"] == 0, found["text"]
    assert found["status"] == (200 if "default" in found["models"] else 404), found["text"]
    assert found["sent"] == 0, found["text"]
