"""Owns one real Apache Kafka node: broker and controller in one Java process, SCRAM-SHA-512, ACLs, KRaft.

Promises: loopback only; nobody is let in without a password and nothing is allowed without an ACL (the
administrator excepted); no topic is made by accident; what was acknowledged survives ``kill -9`` of the process (it
is in the system's page cache; a power cut is a matter for a cluster of three); the same directory gives the same
topics, users and, when still free, the same port. Leaves to ``admin`` which topics, users and rights there are.

The directory: ``server.properties`` and ``secrets/`` (mode 0600), ``ports.json``, ``kafka.log``, ``logs/`` (the data).
"""

import base64
import hashlib
import os
import shutil
import signal
import socket
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from broker.embedded.directory import LOOPBACK, Claim, is_free, ports, secret, write_private
from broker.embedded.errors import EmbeddedError
from broker.embedded.jars import default_cache_dir, kafka_classpath, list_digest
from broker.embedded.java import Java, find_java
from broker.embedded.process import Child, Command, log_tail, run

ADMINISTRATOR = "admin"
READY_LIMIT_SECONDS = 60.0
FORMAT_LIMIT_SECONDS = 60.0
STOP_LIMIT_SECONDS = 45.0
APART = "ports-apart.json"
KEPT_ARCHIVES = 4  # of 67 MB each; a broker that runs from one does not mind its removal
MESSAGE_MAX_BYTES = 1024 * 1024 + 16 * 1024  # 1 MiB of message, and what carries it
STARTS_WITHIN_SECONDS = ("-XX:TieredStopAtLevel=1",)
"""The quick compiler alone: half the processor time at the start, less speed after minutes of full load."""

# After kill -9 the controller believes in the broker's former life until its session ends, and refuses the new one: the
# session (9 s by default) is what a restart costs.
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
listeners=CLIENT://{host}:{client_port},CONTROLLER://{host}:{controller_port}
advertised.listeners=CLIENT://{host}:{client_port}
listener.security.protocol.map=CLIENT:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT
inter.broker.listener.name=CLIENT
controller.listener.names=CONTROLLER
listener.name.client.sasl.enabled.mechanisms=SCRAM-SHA-512
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512
listener.name.client.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required \
username="{administrator}" password="{administrator_password}";
listener.name.controller.sasl.enabled.mechanisms=PLAIN
sasl.mechanism.controller.protocol=PLAIN
listener.name.controller.plain.sasl.jaas.config=\
org.apache.kafka.common.security.plain.PlainLoginModule required \
username="controller" password="{controller_password}" user_controller="{controller_password}";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:{administrator};User:controller
allow.everyone.if.no.acl.found=false
auto.create.topics.enable=false
log.dirs={log_dirs}
log.retention.hours=168
log.segment.bytes=134217728
log.index.size.max.bytes=1048576
log.segment.delete.delay.ms=5000
log.cleaner.dedupe.buffer.size=8388608
message.max.bytes={message_max_bytes}
replica.fetch.max.bytes={message_max_bytes}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=300
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
metrics.jmx.exclude=kafka.(cluster|log):.*
num.network.threads=2
num.io.threads=4
"""


class EmbeddedKafka:
    """One node over one directory. Every verb blocks within a limit; not for two threads at a time."""

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int | None = None,
        heap_mebibytes: int = 384,
        compiler: tuple[str, ...] = STARTS_WITHIN_SECONDS,
        cache_dir: Path | None = None,
        apart: Mapping[str, str] | None = None,
    ) -> None:
        """Only remember what is wanted; ``compiler=()`` is for long load (both of Java's compilers).

        ``apart``: for maintenance, with these properties instead of the usual ones and on ports that no client knows,
        which are forgotten at the end; the next usual start has its own ports and properties again.
        """
        self.data_dir = data_dir.absolute()
        self.log = self.data_dir / "kafka.log"
        self._wanted_port = port
        self._heap_mebibytes = heap_mebibytes
        self._compiler = compiler
        self._cache_dir = cache_dir or default_cache_dir()
        self._apart = apart
        self._claim: Claim | None = None
        self._child: Child | None = None
        self._ports: dict[str, int] = {}

    @property
    def bootstrap(self) -> str:
        """``127.0.0.1:<port>``, known from the first start on."""
        if not self._ports:
            raise EmbeddedError("the embedded Kafka was not started yet")
        return f"{LOOPBACK}:{self._ports['client']}"

    @property
    def pid(self) -> int | None:
        """Process id; None before the first start."""
        return None if self._child is None else self._child.pid

    @property
    def is_running(self) -> bool:
        """Whether the process runs (not whether it answers)."""
        return self._child is not None and self._child.returncode is None

    @property
    def admin_user(self) -> str:
        """The administrator's name."""
        return ADMINISTRATOR

    @property
    def admin_password(self) -> str:
        """The administrator's password, made at the first start."""
        return secret(self._secrets() / "admin")

    def admin(self) -> AdminClient:
        """A new confluent-kafka admin client with the administrator's rights."""
        return AdminClient(
            {
                "bootstrap.servers": self.bootstrap,
                "security.protocol": "SASL_PLAINTEXT",
                "sasl.mechanism": "SCRAM-SHA-512",
                "sasl.username": self.admin_user,
                "sasl.password": self.admin_password,
                "log_level": 0,  # it writes to stderr; what matters comes back as an exception
            }
        )

    def start(self) -> Self:
        """Start and wait until it answers the administrator. Raises EmbeddedError with Kafka's last words."""
        if self.is_running:
            return self
        jars = kafka_classpath(self._cache_dir)
        java = find_java()
        claim = self._claim or Claim(self.data_dir)
        try:
            # The lock waits for a broker whose owner was killed: it still has the port.
            lock = claim.running_lock()
            try:
                self._prepare(java, jars)
                self._child = self._launch(java, jars, lock)
            finally:
                os.close(lock)
            self._wait_until_ready(self._child)
        except BaseException:
            if self._child is not None:
                self._child.kill()
            claim.release()
            self._claim = None
            raise
        self._claim = claim
        return self

    def stop(self) -> None:
        """Let it close its files, at most 45 s; nothing is lost either way. Does nothing when it is not running."""
        if self._child is not None:
            code = self._child.stop(signal.SIGTERM, STOP_LIMIT_SECONDS)
            if code >= 0:  # it ended by itself, so what it recorded is whole
                self._keep_archive()
        if self._apart is not None:
            (self.data_dir / APART).unlink(missing_ok=True)
        if self._claim is not None:
            self._claim.release()
            self._claim = None

    def kill(self) -> None:
        """SIGKILL, as a fault; the directory stays claimed for ``restart``."""
        if self._child is not None:
            self._child.kill()

    def restart(self) -> Self:
        """Stop it if it still runs, and start it on the same port. Raises EmbeddedError when the port is taken."""
        if self.is_running:
            self.stop()
        port = self._ports.get("client")
        if port is not None and not is_free(port):
            raise EmbeddedError(f"port {port} was taken by another program while Kafka was down")
        return self.start()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _secrets(self) -> Path:
        directory = self.data_dir / "secrets"
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return directory

    def _prepare(self, java: Java, jars: list[Path]) -> None:
        known = self.data_dir / ("ports.json" if self._apart is None else APART)
        if self._apart is not None:
            known.unlink(missing_ok=True)
        self._ports = ports(known, ("client", "controller"), self._wanted_port)
        properties = PROPERTIES.format(
            host=LOOPBACK,
            client_port=self._ports["client"],
            controller_port=self._ports["controller"],
            administrator=ADMINISTRATOR,
            administrator_password=self.admin_password,
            controller_password=secret(self._secrets() / "controller"),
            log_dirs=self.data_dir / "logs",
            message_max_bytes=MESSAGE_MAX_BYTES,
        )
        # The last value of a property counts.
        more = "".join(f"{name}={value}\n" for name, value in (self._apart or {}).items())
        write_private(self.data_dir / "server.properties", properties + more)
        scratch = self.data_dir / "scratch"  # Java unpacks native libraries here; a killed one leaves them
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(mode=0o700)
        if not (self.data_dir / "formatted").exists():
            self._format(java, jars)

    def _format(self, java: Java, jars: list[Path]) -> None:
        """Make the node's first metadata, the administrator in it. Half of an earlier attempt is thrown away."""
        shutil.rmtree(self.data_dir / "logs", ignore_errors=True)
        arguments = self.data_dir / "scratch" / "format.args"  # a file: a command line is everybody's to read
        write_private(
            arguments,
            f"kafka.tools.StorageTool format --cluster-id {_cluster_id()} --config server.properties "
            f'--add-scram "SCRAM-SHA-512=[name={ADMINISTRATOR},password={self.admin_password}]"',
        )
        archive = self._archive_option(java) if self._archive(java).exists() else ()
        argv = (*self._java_argv(java), *archive, f"@{arguments}")
        log = self.data_dir / "scratch" / "format.log"  # holds the salted password; gone with the next start
        run(Command(argv, log, self.data_dir, _environment(jars)), FORMAT_LIMIT_SECONDS)
        log.unlink()
        arguments.unlink()
        (self.data_dir / "formatted").touch()

    def _launch(self, java: Java, jars: list[Path], lock: int) -> Child:
        argv = (*self._java_argv(java), *self._archive_option(java), "kafka.Kafka", "server.properties")
        return Child(Command(argv, self.log, self.data_dir, _environment(jars), kept_files=(lock,)))

    def _java_argv(self, java: Java) -> tuple[str, ...]:
        return (
            str(java.path),
            f"-Xmx{self._heap_mebibytes}m",
            "-XX:+UseSerialGC",
            *self._compiler,
            "-XX:+ExitOnOutOfMemoryError",
            "-XX:-UsePerfData",
            "-Xlog:disable",
            *(("--sun-misc-unsafe-memory-access=allow",) if java.major >= 24 else ()),
            f"-Djava.io.tmpdir={self.data_dir / 'scratch'}",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
        )

    # Java's ahead-of-time cache (JEP 483, 514) holds Kafka's classes loaded and linked: a start takes 0.6 s instead of
    # 2.0 s. It is written by the first broker of this machine that is stopped in order, which takes 5 s more, once.

    def _archive(self, java: Java) -> Path:
        mark = f"{list_digest()} {java.path} {java.path.stat().st_mtime_ns} {self._compiler}"
        return self._cache_dir / f"kafka-{hashlib.sha256(mark.encode()).hexdigest()[:16]}.aot"

    def _archive_option(self, java: Java) -> tuple[str, ...]:
        if java.major < 25:
            return ()
        archive = self._archive(java)
        if archive.exists():
            return (f"-XX:AOTCache={archive}",)
        return (f"-XX:AOTCacheOutput={self._recorded()}",)

    def _recorded(self) -> Path:
        return self.data_dir / "scratch" / "recorded.aot"

    def _keep_archive(self) -> None:
        recorded = self._recorded()
        if not recorded.exists():
            return
        archive = self._archive(find_java())
        fresh = archive.with_suffix(f".{os.getpid()}.new")
        with suppress(OSError):  # a full disc costs the next start a second, nothing else
            shutil.move(recorded, fresh)
            fresh.replace(archive)
            others = sorted(self._cache_dir.glob("kafka-*.aot"), key=lambda file: file.stat().st_mtime)
            for outdated in others[:-KEPT_ARCHIVES]:
                outdated.unlink()

    def _wait_until_ready(self, child: Child) -> None:
        deadline = time.monotonic() + READY_LIMIT_SECONDS
        admin: AdminClient | None = None
        while time.monotonic() < deadline:
            if child.returncode is not None:
                raise EmbeddedError(
                    f"Kafka ended with code {child.returncode} while starting; {self.log} says:\n{child.log_tail()}"
                )
            if admin is None and not _listens(self._ports["client"]):
                time.sleep(0.02)
                continue
            admin = admin or self.admin()
            with suppress(KafkaException):
                admin.list_topics(timeout=1.0)
                return
        raise EmbeddedError(
            f"Kafka does not answer after {READY_LIMIT_SECONDS:g} s; {self.log} says:\n{log_tail(self.log, 15)}"
        )


def _environment(jars: list[Path]) -> dict[str, str]:
    return {"CLASSPATH": ":".join(map(str, jars)), "LANG": "C.UTF-8", "TZ": "UTC", "PATH": os.defpath}


def _cluster_id() -> str:
    """A random Kafka Uuid: 22 letters of URL-safe base64, the first of them no sign."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith(("-", "_")):
        pass
    return text


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=1.0):
        return True
    return False
