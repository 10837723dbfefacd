"""Owns asking a Kafka cluster for topics, users and rights, embedded or not.

Promises: each ``ensure_`` may be called again (what is there stays), ends within its limit, and returns only when the
cluster acts on what was asked; requests are cut so that thousands of topics and users pass. Takes nothing away and
changes no existing topic. Blocking: call it before the event loop, or in a thread. Leaves to the caller which ones.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, TypeVar

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # its names are public, but not re-exported
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    OffsetSpec,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from broker.embedded.errors import EmbeddedError

Key = TypeVar("Key")
Item = TypeVar("Item")
TOPICS_A_REQUEST = 500
PARTITIONS_A_REQUEST = 2_000
USERS_A_REQUEST = 500
ACLS_A_REQUEST = 2_000
SCRAM_ITERATIONS = 4096  # Kafka's least; the passwords are 192 random bits, which need no stretching
LIMIT_SECONDS = 120.0
POLL_SECONDS = 0.05


@dataclass(frozen=True)
class TopicSpec:
    """A topic as it must be; ``config`` holds Kafka's own names (``retention.ms``) and applies when it is made."""

    name: str
    partitions: int
    config: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class Acl:
    """One user may do ``operations`` on the topic or group ``name``, or on all whose names begin with it."""

    user: str
    resource: Literal["topic", "group"]
    pattern: Literal["literal", "prefixed"]
    name: str
    operations: tuple[Literal["read", "write", "describe"], ...]


def ensure_topics(admin: AdminClient, specs: Sequence[TopicSpec], limit_seconds: float = LIMIT_SECONDS) -> list[str]:
    """Make what is missing, wait until every partition has a leader that answers; the names of those made.

    The replication factor is the cluster's default. Raises EmbeddedError when an existing topic has another number of
    partitions (keys would move to other partitions, so it is never changed), when a topic is refused, or at the limit.
    """
    deadline = time.monotonic() + limit_seconds
    there = _partition_counts(admin, deadline)
    _raise_for_other_partitions(specs, there)
    missing = [spec for spec in specs if spec.name not in there]
    for part in _parts(missing, TOPICS_A_REQUEST):
        topics = [NewTopic(spec.name, spec.partitions, config=dict(spec.config)) for spec in part]
        _settle(
            "create topics",
            admin.create_topics(topics, request_timeout=_left(deadline), operation_timeout=_left(deadline)),
            deadline,
            accepted=KafkaError.TOPIC_ALREADY_EXISTS,  # another process is as fast
        )
    _wait_until_listed(admin, missing, deadline)
    _wait_for_leaders(admin, specs, deadline)
    return [spec.name for spec in missing]


def ensure_users(admin: AdminClient, passwords: Mapping[str, str], limit_seconds: float = LIMIT_SECONDS) -> list[str]:
    """Make the users that are missing, with these passwords; the names of those made.

    A user that is there keeps its password, whatever is given here (a cluster does not tell it, and each costs 6 ms):
    ``set_passwords`` changes it. Raises EmbeddedError when one is refused, or at the limit.
    """
    deadline = time.monotonic() + limit_seconds
    missing = sorted(passwords.keys() - _users_there(admin, deadline))
    set_passwords(admin, {user: passwords[user] for user in missing}, _left(deadline))
    return missing


def set_passwords(admin: AdminClient, passwords: Mapping[str, str], limit_seconds: float = LIMIT_SECONDS) -> None:
    """Give each user this password (SCRAM-SHA-512), new or not; wait until the new ones can log in.

    Raises EmbeddedError when one is refused, or at the limit.
    """
    deadline = time.monotonic() + limit_seconds
    how = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, SCRAM_ITERATIONS)
    for part in _parts(sorted(passwords.items()), USERS_A_REQUEST):
        alterations = [UserScramCredentialUpsertion(user, how, password.encode()) for user, password in part]
        answers = admin.alter_user_scram_credentials(alterations, request_timeout=_left(deadline))  # type: ignore[arg-type]
        _settle("set passwords", answers, deadline)
    if passwords:
        _wait_for_user(admin, max(passwords), deadline)


def ensure_acls(admin: AdminClient, acls: Sequence[Acl], limit_seconds: float = LIMIT_SECONDS) -> None:
    """Allow what is listed and wait until it is in force.

    Raises EmbeddedError when one is refused, or at the limit.
    """
    deadline = time.monotonic() + limit_seconds
    bindings = list(dict.fromkeys(binding for acl in acls for binding in _bindings(acl)))
    for part in _parts(bindings, ACLS_A_REQUEST):
        _settle("allow access", admin.create_acls(part, request_timeout=_left(deadline)), deadline)
    if bindings:
        _wait_for_binding(admin, bindings[-1], deadline)


def _partition_counts(admin: AdminClient, deadline: float) -> dict[str, int]:
    try:
        topics = admin.list_topics(timeout=_left(deadline)).topics
    except KafkaException as error:
        raise EmbeddedError(f"the cluster does not list its topics: {error}") from error
    return {name: len(topic.partitions) for name, topic in topics.items()}


def _users_there(admin: AdminClient, deadline: float) -> set[str]:
    answer = admin.describe_user_scram_credentials(request_timeout=_left(deadline))
    error = _error_of(answer, deadline) if isinstance(answer, Future) else "no answer"
    if error is not None or not isinstance(answer, Future):
        raise EmbeddedError(f"the cluster does not list its users: {error}. Is the user an administrator?")
    return set(answer.result())


def _raise_for_other_partitions(specs: Sequence[TopicSpec], there: Mapping[str, int]) -> None:
    others = [spec for spec in specs if there.get(spec.name, spec.partitions) != spec.partitions]
    if others:
        said = ", ".join(f"{spec.name} has {there[spec.name]}, not {spec.partitions}" for spec in others[:10])
        raise EmbeddedError(
            f"{len(others)} topics have another number of partitions: {said}. "
            "A key would move to another partition: use a new topic name, or an empty data directory."
        )


def _wait_until_listed(admin: AdminClient, made: Sequence[TopicSpec], deadline: float) -> None:
    """Until the metadata show them: a client that asks for the leader of an unknown topic too early never finds it."""
    waiting = {spec.name for spec in made}
    while waiting := waiting - _partition_counts(admin, deadline).keys():
        _pause(f"{len(waiting)} new topics are not listed, {min(waiting)} among them", deadline)


def _wait_for_leaders(admin: AdminClient, specs: Sequence[TopicSpec], deadline: float) -> None:
    """A new partition is in the metadata a moment before its leader takes messages: ask each leader for its end."""
    waiting = [TopicPartition(spec.name, number) for spec in specs for number in range(spec.partitions)]
    latest: OffsetSpec = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    reason = ""
    while waiting:
        if time.monotonic() > deadline:
            raise EmbeddedError(
                f"{len(waiting)} partitions have no leader yet, {waiting[0].topic} among them: {reason}. "
                "Look at the broker's log, or allow more time."
            )
        left: list[TopicPartition] = []
        for part in _parts(waiting, PARTITIONS_A_REQUEST):
            offsets = admin.list_offsets(dict.fromkeys(part, latest), request_timeout=_left(deadline))
            for partition, answer in offsets.items():
                error = _error_of(answer, deadline)
                if error is not None:
                    reason = str(error)
                    left.append(TopicPartition(partition.topic, partition.partition))
        if left:
            time.sleep(POLL_SECONDS)
        waiting = left


# The metadata log has one order: where the last thing asked for is in force, so is all before it.


def _wait_for_user(admin: AdminClient, user: str, deadline: float) -> None:
    while True:
        answers = admin.describe_user_scram_credentials([user], request_timeout=_left(deadline))
        if isinstance(answers, dict) and _error_of(answers[user], deadline) is None:
            return
        _pause("the passwords are not in force", deadline)


def _wait_for_binding(admin: AdminClient, binding: AclBinding, deadline: float) -> None:
    exactly = AclBindingFilter(
        binding.restype,
        binding.name,
        binding.resource_pattern_type,
        binding.principal,
        binding.host,
        binding.operation,
        binding.permission_type,
    )
    while True:
        answer = admin.describe_acls(exactly, request_timeout=_left(deadline))
        if _error_of(answer, deadline) is None and answer.result():
            return
        _pause("the rights are not in force", deadline)


def _pause(what: str, deadline: float) -> None:
    if time.monotonic() > deadline:
        raise EmbeddedError(f"{what} within the limit: look at the broker's log, or allow more time")
    time.sleep(POLL_SECONDS)


def _bindings(acl: Acl) -> list[AclBinding]:
    return [
        AclBinding(
            ResourceType.TOPIC if acl.resource == "topic" else ResourceType.GROUP,
            acl.name,
            ResourcePatternType.LITERAL if acl.pattern == "literal" else ResourcePatternType.PREFIXED,
            f"User:{acl.user}",
            "*",
            AclOperation[operation.upper()],
            AclPermissionType.ALLOW,
        )
        for operation in acl.operations
    ]


def _settle(what: str, answers: "Mapping[Key, Future[None]]", deadline: float, accepted: int | None = None) -> None:
    """Wait for all answers; EmbeddedError with the first refusals, other than the one accepted."""
    errors = {key: _error_of(answer, deadline) for key, answer in answers.items()}
    refused = {
        key: error
        for key, error in errors.items()
        if error is not None and not (isinstance(error, KafkaError) and error.code() == accepted)
    }
    if refused:
        first = "; ".join(f"{key}: {error}" for key, error in list(refused.items())[:5])
        raise EmbeddedError(
            f"cannot {what}: {len(refused)} of {len(answers)} refused ({first}). "
            "Is the user an administrator, and does the cluster answer?"
        )


def _error_of(answer: "Future[Item]", deadline: float) -> object | None:
    try:
        answer.result(_left(deadline))
    except KafkaException as error:
        reason: object = error.args[0]
        return reason
    except TimeoutError:
        return "no answer within the limit"
    return None


def _left(deadline: float) -> float:
    return max(0.5, deadline - time.monotonic())


def _parts(items: Sequence[Item], size: int) -> Iterator[list[Item]]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])
