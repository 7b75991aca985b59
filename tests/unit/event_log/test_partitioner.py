"""The partition of a key is the Java client's, in every process, for ever."""

import random

import pytest
from aiokafka.partitioner import DefaultPartitioner

from ledger.event_log.partitioner import partition_of

JAVA_HASHES = [
    # org.apache.kafka.common.utils.UtilsTest.testMurmur2
    (b"21", -973932308),
    (b"foobar", -790332482),
    (b"a-little-bit-long-string", -985981536),
    (b"a-little-bit-longer-string", -1486304829),
    (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
    (b"abc", 479470107),
    # Utils.murmur2 of kafka-clients 4.1.1, run for this test: 16 bytes, as a subject id has.
    (bytes(16), -1795725688),
    (bytes(range(16)), -1038035159),
    (b"\xff" * 16, 1431967450),
]


@pytest.mark.parametrize(("key", "java_hash"), JAVA_HASHES)
@pytest.mark.parametrize("partitions", [1, 6, 24])
def test_the_partition_is_the_one_that_kafkas_java_client_takes(key: bytes, java_hash: int, partitions: int) -> None:
    assert partition_of(key, partitions) == (java_hash & 0x7FFFFFFF) % partitions


def test_the_unrolled_hash_of_a_subject_id_is_the_general_one() -> None:
    source = random.Random(20)
    choose = DefaultPartitioner()
    partitions = list(range(24))
    for _ in range(5_000):
        key = source.randbytes(16)
        assert partition_of(key, 24) == choose(key, partitions, partitions)
