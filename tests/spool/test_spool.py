"""The spool between a writer and a reader in one process: order, bounds, tokens, damage, versions."""

import asyncio
import sqlite3
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilothouse import instruments
from pilothouse.domain.call import Attempt, CallRecord, Operation, Outcome
from pilothouse.domain.usage import Usage
from pilothouse.errors import DataFolderInUse, DataFolderNewer, DataFolderUnwritable, ShuttingDown, SpoolFull
from pilothouse.spool import CALL, Batch, SpoolOptions, SpoolReader, SpoolWriter, discover
from tests.spool.records import call, wait_until

DECODER = msgspec.msgpack.Decoder(CallRecord)

# Text without lone surrogates: those cannot be sent in msgpack and have their own test.
texts = st.text(max_size=20)
records = st.builds(
    CallRecord,
    id=texts,
    trace_id=texts,
    span_id=texts,
    parent_span_id=texts,
    project_id=texts,
    key_id=texts,
    started_at_ns=st.integers(0, 2**62),
    duration_ns=st.integers(0, 2**62),
    overhead_ns=st.integers(0, 2**62),
    first_token_ns=st.none() | st.integers(0, 2**62),
    last_token_ns=st.none() | st.integers(0, 2**62),
    outcome=st.sampled_from(Outcome),
    operation=st.sampled_from(Operation),
    status=st.integers(0, 999),
    usage=st.none() | st.builds(Usage, st.integers(0, 2**40), output_tokens=st.integers(0, 2**40)),
    attempts=st.lists(st.builds(Attempt, texts, texts, texts, error_detail=texts), max_size=3).map(tuple),
    request_headers=st.dictionaries(texts, texts, max_size=3),
    request_body=st.binary(max_size=200),
    response_body=st.binary(max_size=200),
    metadata=st.dictionaries(texts, texts, max_size=3),
)


def written(writer: SpoolWriter) -> None:
    wait_until(lambda: writer.queued_bytes == 0)


def ids(batch: Batch | None) -> list[int]:
    assert batch is not None
    return [int(DECODER.decode(item.payload).id) for item in batch.items]


def drained(reader: SpoolReader) -> list[int]:
    out: list[int] = []
    while (batch := reader.read()) is not None:
        out += ids(batch)
        reader.ack(batch)
    return out


def groups(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path / "spool.db", isolation_level=None)


@settings(max_examples=25, deadline=None)
@given(many=st.lists(records, min_size=1, max_size=20))
def test_a_record_comes_out_as_it_went_in(tmp_path_factory, many):
    path = tmp_path_factory.mktemp("spool")
    with SpoolWriter(path) as writer:
        assert all(writer.offer(record) for record in many)
    with SpoolReader(path) as reader:
        batch = reader.read()
        assert [DECODER.decode(item.payload) for item in batch.items] == many
        assert {item.kind for item in batch.items} == {CALL}


def test_records_come_out_in_the_order_they_went_in(tmp_path):
    with SpoolWriter(tmp_path) as writer, SpoolReader(tmp_path) as reader:
        for number in range(5000):
            assert writer.offer(call(number))
        written(writer)
        assert drained(reader) == list(range(5000))
        assert reader.read() is None
        assert reader.oldest_age_s() == 0.0
        wait_until(lambda: writer.size_bytes == 0)


def test_a_batch_keeps_to_its_bounds(tmp_path):
    with SpoolWriter(tmp_path, SpoolOptions(commit_interval_s=0.0)) as writer, SpoolReader(tmp_path) as reader:
        for number in range(300):
            writer.offer(call(number))
            if number % 10 == 9:
                written(writer)
        batch = reader.read(max_records=50)
        assert 1 <= len(batch.items) <= 50
        reader.ack(batch)
        batch = reader.read(max_bytes=2000)
        assert batch.size_bytes <= 2000 or batch.first_id == batch.last_id
        reader.ack(batch)


def test_a_lone_record_waits_for_company_as_long_as_it_should(tmp_path):
    with SpoolWriter(tmp_path) as writer, SpoolReader(tmp_path) as reader:
        writer.offer(call(1))
        written(writer)
        assert reader.read(linger_s=60) is None
        assert reader.read(linger_s=0) is not None


async def test_an_append_is_durable_when_it_returns(tmp_path):
    with SpoolWriter(tmp_path) as writer, SpoolReader(tmp_path) as reader:
        await asyncio.gather(*(writer.append("otlp", f"{number}".encode()) for number in range(50)))
        batch = reader.read()
        assert sorted(int(item.payload) for item in batch.items) == list(range(50))
        assert {item.kind for item in batch.items} == {"otlp"}


async def test_a_cancelled_append_harms_nobody(tmp_path):
    with SpoolWriter(tmp_path) as writer, SpoolReader(tmp_path) as reader:
        waiting = asyncio.create_task(writer.append("otlp", b"first"))
        await asyncio.sleep(0)
        waiting.cancel()
        await writer.append("otlp", b"second")
        assert [item.payload for item in reader.read().items][-1] == b"second"


async def test_a_full_spool_takes_nothing_until_it_is_drained(tmp_path):
    dropped = instruments.SPOOL_DROPPED.values.get((CALL,), 0)
    with SpoolWriter(tmp_path, SpoolOptions(max_bytes=200_000)) as writer, SpoolReader(tmp_path) as reader:
        number = 0
        while writer.offer(call(number, b"y" * 5000)):
            number += 1
            await asyncio.sleep(0.001)
        assert 20 <= number <= 40
        assert writer.full
        assert "full" in (writer.ping() or "")
        assert instruments.SPOOL_DROPPED.values[(CALL,)] == dropped + 1
        with pytest.raises(SpoolFull) as refused:
            # more than the call that was turned away, with all that is around it
            await writer.append("otlp", b"z" * 10_000)
        assert refused.value.retry_after_s
        await asyncio.to_thread(written, writer)
        assert drained(reader) == list(range(number))
        await asyncio.to_thread(wait_until, lambda: writer.size_bytes == 0)
        assert writer.offer(call(number))
        await writer.append("otlp", b"z")
        assert "dropped" in (writer.ping() or "")


def test_the_queue_in_memory_is_bounded(tmp_path):
    options = SpoolOptions(max_queue_bytes=100_000, commit_interval_s=5.0)
    writer = SpoolWriter(tmp_path, options)
    writer.start()
    taken = sum(writer.offer(call(number, b"y" * 9000)) for number in range(100))
    assert taken == 9
    writer.close()
    with SpoolReader(tmp_path) as reader:
        assert drained(reader) == list(range(9))


async def test_closing_writes_what_is_queued_and_takes_no_more(tmp_path):
    writer = SpoolWriter(tmp_path, SpoolOptions(commit_interval_s=60))
    assert "not running" in (writer.ping() or "")
    writer.start()
    assert writer.ping() is None
    for number in range(1000):
        assert writer.offer(call(number))
    writer.close()
    writer.close()
    assert writer.offer(call(1000)) is False
    with pytest.raises(ShuttingDown):
        await writer.append("otlp", b"late")
    assert "not running" in (writer.ping() or "")
    with SpoolReader(tmp_path) as reader:
        assert drained(reader) == list(range(1000))


def test_disk_space_is_given_back_after_a_burst(tmp_path):
    with SpoolWriter(tmp_path) as writer, SpoolReader(tmp_path) as reader:
        for number in range(3000):
            while not writer.offer(call(number, b"z" * 20_000)):
                wait_until(lambda: not writer.full)
        written(writer)
        file = tmp_path / "spool.db"
        assert sum(part.stat().st_size for part in tmp_path.iterdir()) > 50_000_000
        assert len(drained(reader)) == 3000
        wait_until(lambda: file.stat().st_size < 3_000_000)
        wait_until(lambda: (tmp_path / "spool.db-wal").stat().st_size < 20_000_000)
        assert writer.size_bytes == 0


def test_an_unacknowledged_batch_comes_again_with_the_same_token_and_records(tmp_path):
    with SpoolWriter(tmp_path) as writer:
        for number in range(10):
            writer.offer(call(number))
        written(writer)
        with SpoolReader(tmp_path) as reader:
            first = reader.read()
            assert reader.read() == first
        for number in range(10, 20):
            writer.offer(call(number))
        written(writer)
        with SpoolReader(tmp_path) as reader:
            again = reader.read(max_records=1, max_bytes=1)
            assert again == first
            reader.ack(again)
        with SpoolReader(tmp_path) as reader:
            second = reader.read()
            assert ids(second) == list(range(10, 20))
            assert second.token != first.token


def test_what_was_acknowledged_never_comes_again_nor_does_its_token(tmp_path):
    tokens: list[str] = []
    for round_number in range(4):
        with SpoolWriter(tmp_path) as writer:
            writer.offer(call(round_number))
            written(writer)
            with SpoolReader(tmp_path) as reader:
                batch = reader.read()
                assert ids(batch) == [round_number]
                tokens.append(batch.token)
                reader.ack(batch)
            wait_until(lambda writer=writer: writer.size_bytes == 0)
    assert len(set(tokens)) == 4


def test_a_reader_may_come_first_and_a_spool_may_come_anew(tmp_path):
    with SpoolReader(tmp_path) as reader:
        assert reader.read() is None
        for number in range(2):
            with SpoolWriter(tmp_path) as writer:
                writer.offer(call(number))
            assert drained(reader) == [number]
            for file in tmp_path.glob("spool.db*"):
                file.unlink()
            assert reader.read() is None


def test_one_record_that_cannot_be_encoded_does_not_take_the_others_along(tmp_path):
    before = instruments.SPOOL_DROPPED.values.get(("unencodable",), 0)
    with SpoolWriter(tmp_path) as writer, SpoolReader(tmp_path) as reader:
        writer.offer(call(0))
        writer.offer(msgspec.structs.replace(call(1), user_id="half a pair: \ud800"))
        writer.offer(call(2))
        written(writer)
        assert drained(reader) == [0, 2]
        assert writer.ping() is None
    assert instruments.SPOOL_DROPPED.values[("unencodable",)] == before + 1


@pytest.mark.parametrize("change", [
    "UPDATE groups SET data = x'93ff' WHERE id = 2",
    "UPDATE groups SET data = substr(data, 1, 40) WHERE id = 2",
    "UPDATE groups SET data = x'93ff', checksum = 917972139 WHERE id = 2",
])  # fmt: skip
def test_a_group_of_bad_bytes_is_set_aside_and_the_rest_goes_on(tmp_path, change):
    before = instruments.INGEST_REJECTED.values.get(("corrupt_group",), 0)
    with SpoolWriter(tmp_path) as writer:
        for number in range(3):
            writer.offer(call(number))
            written(writer)
    groups(tmp_path).execute(change)
    for _ in range(2):
        with SpoolReader(tmp_path) as reader:
            batch = reader.read()
            assert ids(batch) == [0, 2]
            [rejected] = reader.rejected()
            assert rejected.group_id == 2
            assert rejected.reason
            assert rejected.data
    assert instruments.INGEST_REJECTED.values[("corrupt_group",)] == before + 1


def test_a_damaged_page_costs_its_group_alone(tmp_path):
    with SpoolWriter(tmp_path) as writer:
        for number in range(9):
            writer.offer(call(number, bytes([65 + number]) * 200_000))
            written(writer)
    file = tmp_path / "spool.db"
    content = bytearray(file.read_bytes())
    # An overflow page in the middle of one body starts with the number of the page that follows it.
    place = content.find(b"D" * 16_000) // 16_384 * 16_384 + 16_384
    content[place : place + 4] = b"\xff\xff\xff\xff"
    file.write_bytes(content)
    with SpoolReader(tmp_path) as reader:
        assert drained(reader) == [0, 1, 2, 4, 5, 6, 7, 8]
        [rejected] = reader.rejected()
        assert rejected.group_id == 4
        assert "damaged" in rejected.reason


def test_a_destroyed_spool_is_set_aside_and_the_writer_goes_on(tmp_path):
    with SpoolWriter(tmp_path) as writer, SpoolReader(tmp_path) as reader:
        writer.offer(call(0))
        written(writer)
        assert drained(reader) == [0]
    (tmp_path / "spool.db").write_bytes(b"not a database" * 2000)
    with SpoolReader(tmp_path) as reader:
        assert reader.read() is None
        with SpoolWriter(tmp_path) as writer:
            writer.offer(call(1))
            written(writer)
            assert drained(reader) == [1]
    assert list(tmp_path.glob("spool.db.damaged-*"))


def test_a_destroyed_cursor_means_reading_again_what_is_still_there(tmp_path):
    with SpoolWriter(tmp_path) as writer:
        writer.offer(call(0))
    with SpoolReader(tmp_path) as reader:
        assert drained(reader) == [0]
    (tmp_path / "cursor.db").write_bytes(b"not a database" * 2000)
    with SpoolReader(tmp_path) as reader:
        assert drained(reader) == [0]


def test_a_poison_record_is_kept_once_beside_the_spool(tmp_path):
    with SpoolWriter(tmp_path) as writer:
        writer.offer(call(0))
    with SpoolReader(tmp_path) as reader:
        item = reader.read().items[0]
        reader.set_aside(item, "first reason")
        reader.set_aside(item, "second reason")
        [rejected] = reader.rejected()
        assert (rejected.reason, rejected.data, rejected.position) == ("first reason", item.payload, 0)


def test_what_is_set_aside_is_bounded(tmp_path):
    with SpoolWriter(tmp_path, SpoolOptions(max_queue_bytes=200 * 1024**2)) as writer:
        for number in range(25):
            writer.offer(call(number, b"x" * 4_000_000))
    with SpoolReader(tmp_path) as reader:
        while (batch := reader.read()) is not None:
            for item in batch.items:
                reader.set_aside(item, "all of them")
            reader.ack(batch)
        kept = [int(DECODER.decode(rejected.data).id) for rejected in reader.rejected()]
        assert kept == list(range(24, 24 - len(kept), -1))
        assert 10 < len(kept) < 20


def test_a_second_writer_and_a_second_reader_are_refused(tmp_path):
    with SpoolWriter(tmp_path), SpoolReader(tmp_path):
        with pytest.raises(DataFolderInUse):
            SpoolWriter(tmp_path).start()
        with pytest.raises(DataFolderInUse):
            SpoolReader(tmp_path)
    with SpoolWriter(tmp_path), SpoolReader(tmp_path):
        pass


def test_files_of_a_newer_version_are_refused_and_left_alone(tmp_path):
    with SpoolWriter(tmp_path), SpoolReader(tmp_path):
        pass
    for name in ("spool.db", "cursor.db"):
        connection = sqlite3.connect(tmp_path / name)
        connection.execute("PRAGMA user_version=2")
        connection.close()
    with pytest.raises(DataFolderNewer):
        SpoolWriter(tmp_path).start()
    with pytest.raises(DataFolderNewer):
        SpoolReader(tmp_path)
    (tmp_path / "cursor.db").unlink()
    with SpoolReader(tmp_path) as reader, pytest.raises(DataFolderNewer):
        reader.read()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataFolderUnwritable, match="file"):
        SpoolWriter(tmp_path / "file" / "one").start()
    with pytest.raises(DataFolderUnwritable, match="absent"):
        SpoolReader(tmp_path / "absent")


def test_files_are_for_their_owner_alone(tmp_path):
    path = tmp_path / "one"
    with SpoolWriter(path) as writer, SpoolReader(path):
        writer.offer(call(0))
        written(writer)
        assert path.stat().st_mode & 0o777 == 0o700
        assert {file.name: oct(file.stat().st_mode & 0o077) for file in path.iterdir()} == dict.fromkeys(
            (file.name for file in path.iterdir()), "0o0"
        )


def test_discover_finds_every_writer(tmp_path):
    assert discover(tmp_path / "absent") == []
    for name in ("b", "a"):
        with SpoolWriter(tmp_path / name):
            pass
    (tmp_path / "other").mkdir()
    assert [path.name for path in discover(tmp_path)] == ["a", "b"]


def test_a_full_batch_is_looked_at_ahead_and_handed_out_when_its_turn_comes(tmp_path):
    with SpoolWriter(tmp_path / "spool") as writer:
        for number in range(7):
            assert writer.offer(call(number))
            written(writer)
        with SpoolReader(tmp_path / "spool") as reader:
            first = reader.read(max_records=3)
            ahead = reader.look_ahead(first, max_records=3)
            assert (ids(first), ids(ahead)) == ([0, 1, 2], [3, 4, 5])
            assert reader.look_ahead(ahead, max_records=3) is None, "one record is no full batch"
            assert not reader.hand_out(ahead), "the one before it has not arrived"
            assert reader.read(max_records=3) == first
        with SpoolReader(tmp_path / "spool") as reader:
            assert reader.read(max_records=3) == first, "to look is not to hand out"
            reader.ack(first)
            assert reader.hand_out(ahead)
            assert not reader.hand_out(ahead)
        with SpoolReader(tmp_path / "spool") as reader:
            assert reader.read(max_records=1) == ahead, "handed out is handed out, whatever the bounds are now"
            reader.ack(ahead)
            assert not reader.hand_out(ahead), "it has arrived"
            assert ids(reader.read()) == [6]


def test_what_was_looked_at_ahead_does_not_outlive_its_spool(tmp_path):
    path = tmp_path / "spool"
    path.mkdir()
    with SpoolReader(path) as reader:
        with SpoolWriter(path) as writer:
            for number in range(2):
                assert writer.offer(call(number))
                written(writer)
        first = reader.read(max_records=1)
        ahead = reader.look_ahead(first, max_records=1)
        for file in path.glob("spool.db*"):
            file.unlink()
        with SpoolWriter(path) as writer:
            assert writer.offer(call(9))
        assert reader.look_ahead(first, max_records=1) is None
        assert not reader.hand_out(ahead)
        assert drained(reader) == [9]
