"""What every process does: no secret in its logs."""

import platform
import subprocess
import sys

import pytest

from pilothouse.domain.access import KeyKind, mint
from pilothouse.wiring.process import scrub


@pytest.mark.parametrize("kind", list(KeyKind))
def test_our_own_secrets_are_scrubbed(kind: KeyKind) -> None:
    secret = mint(kind)
    assert secret[len(kind) :] not in scrub(f'{{"message": "seen {secret}."}}', [])


@pytest.mark.parametrize(
    "text",
    [
        "sk-proj-abcdefghijklmnop1234567890",
        "Authorization: Bearer abcdefghijklmnop1234567890",
        "postgresql://user:abcdefghijklmnop1234567890@host/db",
        "the key abcdefghijklmnop1234567890 itself",
    ],
)
def test_provider_keys_and_passwords_are_scrubbed(text: str) -> None:
    assert "abcdefghijklmnop" not in scrub(text, ["abcdefghijklmnop1234567890"] if text.startswith("the key") else [])


def test_ordinary_text_stays() -> None:
    text = '{"message": "graph of phases at http://127.0.0.1:4000/v1 by user@example.com"}'
    assert scrub(text, []) == text


def test_the_limit_of_open_files_is_raised_to_what_the_system_allows() -> None:
    script = (
        "import resource\n"
        "from pilothouse.wiring.process import raise_file_limit\n"
        "hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))\n"
        "raise_file_limit()\n"
        "assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=30)


_HEAPS = (
    "import ctypes, os, sys, tempfile, threading\n"
    "from pilothouse.wiring.process import keep_one_heap\n"
    "if sys.argv[1] == 'one':\n"
    "    keep_one_heap()\n"
    "taken = threading.Barrier(5)\n"
    "def take():\n"
    "    texts = [bytes(20_000) for _ in range(50)]\n"
    "    taken.wait(10)\n"
    "threads = [threading.Thread(target=take) for _ in range(4)]\n"
    "[one.start() for one in threads]\n"
    "library = ctypes.CDLL(None)\n"
    "library.fdopen.restype = ctypes.c_void_p\n"
    "with tempfile.NamedTemporaryFile() as file:\n"
    "    out = ctypes.c_void_p(library.fdopen(os.dup(file.fileno()), b'w'))\n"
    "    taken.wait(10)\n"
    "    library.malloc_info(0, out)\n"
    "    library.fclose(out)\n"
    "    print(open(file.name).read().count('<heap '))\n"
)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have one heap anyway")
def test_all_threads_take_memory_from_one_heap() -> None:
    heaps = {
        name: int(
            subprocess.run([sys.executable, "-c", _HEAPS, name], check=True, capture_output=True, timeout=30).stdout
        )
        for name in ("many", "one")
    }
    assert heaps["one"] == 1 < heaps["many"]


_FREED = (
    "import os, sys, time, psutil\n"
    "from pilothouse.wiring.process import give_memory_back\n"
    "kept = []\n"
    "def work():\n"
    "    batch = [bytes(50_000) for _ in range(4_000)]\n"
    "    kept.extend(batch[::100])\n"
    "work()\n"
    "def held():\n"
    "    return psutil.Process().memory_info().rss / 1e6\n"
    "before = held()\n"
    "if sys.argv[1] == 'back':\n"
    "    give_memory_back(0.05)\n"
    "end = time.monotonic() + 5\n"
    "while held() > before - 100 and time.monotonic() < end and sys.argv[1] == 'back':\n"
    "    time.sleep(0.02)\n"
    "print(before - held())\n"
)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are not asked")
def test_freed_memory_between_kept_blocks_is_given_back() -> None:
    given = {
        name: float(
            subprocess.run([sys.executable, "-c", _FREED, name], check=True, capture_output=True, timeout=30).stdout
        )
        for name in ("kept", "back")
    }
    assert given["back"] > 100 > 10 > given["kept"], given
