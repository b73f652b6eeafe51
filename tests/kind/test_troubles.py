"""`kind up` where something is wrong on this machine: the whole message, and nothing left behind.

The programs are stand-ins that say what the real ones say; no Docker is needed.
"""

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import pytest

from apim_sandbox.cli.problems import NOT_RUNNING, report
from apim_sandbox.cluster.kind import tools
from apim_sandbox.cluster.kind.layout import Layout, Ports, start_command
from apim_sandbox.cluster.kind.turn import turn
from apim_sandbox.cluster.kind.up import Up, UpOptions
from apim_sandbox.instance import default_state_dir
from apim_sandbox.serving.edge import listen

INFO = 'info) echo "27.0 [name=seccomp]" ;;'
# Nothing is there yet, and what is made is made.
EMPTY = """
image) exit 0 ;;
network) [ "$2" = inspect ] && exit 1; exit 0 ;;
ps) exit 0 ;;
inspect) exit 1 ;;
rm) exit 0 ;;
"""
KIND = 'version) echo "kind v0.33.0 go1.26.8 linux/amd64" ;;'
SLOW = "create) exec /bin/sleep 60 ;;"
KUBECTL = 'version) echo "Client Version: v1.34.1" ;;'


@dataclass
class Machine:
    """A PATH with stand-ins on it, and a place for a sandbox called `x`."""

    path: Path
    layout: Layout
    programs: dict[str, str] = field(
        default_factory=lambda: {"docker": INFO + EMPTY, "kind": KIND + SLOW, "kubectl": KUBECTL}
    )

    def says(self, program: str, command: str, words: str, status: int = 1) -> None:
        """Let `program COMMAND …` complain and end with `status`."""
        case = f"{command}) /bin/cat >&2 <<'WORDS'\n{words}\nWORDS\nexit {status} ;;\n"
        self.programs[program] = case + self.programs[program]

    def install(self) -> None:
        """Put the stand-ins onto the PATH."""
        for name, cases in self.programs.items():
            (self.path / name).write_text(f'#!/bin/sh\ncase "$1" in\n{cases}\nesac\n')
            (self.path / name).chmod(0o755)

    def up(self, capsys: pytest.CaptureFixture[str]) -> str:
        """What `kind up` prints to the person who typed it."""
        self.install()
        options = UpOptions(self.layout, image="apim-sandbox:1")
        run = Up(options, lambda *_: None, lambda _: None).run
        with pytest.raises(Exception) as problem:  # noqa: PT011  its whole message is what is looked at
            anyio.run(run, backend="asyncio")
        assert isinstance(problem.value, Exception)
        assert report(problem.value) == NOT_RUNNING
        return capsys.readouterr().err


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    return Machine(programs, Layout.of("x", tmp_path / "state"))


def test_docker_does_not_run(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.says(
        "docker", "info",
        "ERROR: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. "
        "Is the docker daemon running?",
    )  # fmt: skip
    assert machine.up(capsys) == (
        "error: Docker is not running: ERROR: Cannot connect to the Docker daemon at "
        "unix:///var/run/docker.sock. Is the docker daemon running?\n"
        "next:  start Docker Desktop, or: sudo systemctl start docker\n"
    )
    assert not machine.layout.directory.exists()


def test_the_next_step_starts_the_sandbox_that_was_asked_for(machine: Machine) -> None:
    """On kind, in a directory of one's own, and in the usual one."""
    layout = machine.layout
    layout.create()
    layout.remember(Ports(1, 2))
    assert start_command(layout.sandbox.path) == layout.command("up")
    assert start_command(Path("/my state")) == "apim-sandbox up --detach --state-dir '/my state'"
    assert start_command(default_state_dir()) == "apim-sandbox up --detach"


def test_kind_is_too_old(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.programs["kind"] = 'version) echo "kind v0.20.0 go1.20.4 linux/amd64" ;;'
    assert machine.up(capsys) == (
        "error: kind v0.20.0 is older than needed (0.27)\n"
        "next:  https://kind.sigs.k8s.io/docs/user/quick-start/#installation\n"
    )


def test_the_name_is_a_foreign_clusters(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    foreign = '[{"Id": "1", "State": {"Running": true}, "Mounts": []}]'
    machine.programs["docker"] = f"inspect) echo '{foreign}' ;;\n" + machine.programs["docker"]
    assert machine.up(capsys) == (
        "error: a cluster called x is there already and was not made here; it is left alone\n"
        "next:  apim-sandbox kind up --name ANOTHER (kind get clusters lists those that are taken)\n"
    )
    assert not machine.layout.directory.exists()


def test_the_name_is_another_state_directorys(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    """Two state directories and one name: the containers of the other are neither replaced nor removed."""
    removed = machine.path / "removed"
    machine.programs["docker"] = (
        f'ps) case "$*" in *cluster=x*) echo /else/where/x ;; esac ;;\nrm) : > "{removed}" ;;\n'
        'network) [ "$2" = ls ] && exit 0; [ "$2" = inspect ] && exit 0; exit 1 ;;\n'
    ) + machine.programs["docker"]
    assert machine.up(capsys) == (
        "error: a kind sandbox called x is there already, in /else/where/x; it is left alone\n"
        "next:  apim-sandbox kind up --name ANOTHER, or with --state-dir /else/where\n"
    )
    assert not machine.layout.directory.exists()
    assert not removed.exists()


def test_a_port_is_in_use(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    words = (
        "docker: Error response from daemon: driver failed programming external connectivity on endpoint "
        "apim-sandbox-x-control: Bind for 127.0.0.1:40001 failed: port is already allocated."
    )
    machine.says("docker", "run", words, 125)
    assert machine.up(capsys) == (
        f"error: a port is in use: {words}\nnext:  apim-sandbox kind up again takes other ports\n"
    )
    assert not machine.layout.directory.exists()


def test_ports_that_somebody_took_are_not_taken_again(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    """The control container is there but stopped, and its port is somebody else's by now."""
    taken = listen(0, "--control-port")
    before = Ports(taken.getsockname()[1], 1)
    machine.layout.create()
    machine.layout.remember(before)
    name = machine.layout.container("control")
    stopped = (
        f'[{{"Name": "/{name}", "Id": "1", "State": {{"Running": false}}, "Config": {{"Labels": {{}}}}}}]'
    )
    machine.programs["docker"] = (
        'ps) if [ "$2" = -aq ]; then echo 1; fi ;;\n'
        f"inspect) [ \"$2\" = --type ] && exit 1; echo '{stopped}' ;;\n" + machine.programs["docker"]
    )
    machine.says("docker", "run", "no more of this", 125)
    machine.up(capsys)
    taken.close()
    after = machine.layout.ports()
    assert after is not None
    assert after.control != before.control


def test_an_image_is_missing_and_no_registry_can_be_reached(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (
        'ERROR: failed to create cluster: failed to pull image "kindest/node:v1.37.0@sha256:a1ed": command '
        '"docker pull kindest/node:v1.37.0@sha256:a1ed" failed with error: exit status 1'
    )
    machine.programs["docker"] = "run) exec /bin/sleep 60 ;;\n" + machine.programs["docker"]
    machine.says(
        "kind", "create", f"Creating cluster ...\n{words}\nCommand Output: dial tcp: no route to host"
    )
    assert machine.up(capsys) == (
        f"error: an image is not here and can't be fetched: {words}\n"
        "next:  docker pull kindest/node:v1.37.0 where there is a network, or name one of `docker images` "
        "with --node-image\n"
    )
    assert not machine.layout.directory.exists()


def test_the_sandboxes_own_image_is_missing(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.programs["docker"] = "image) exit 1 ;;\n" + machine.programs["docker"]
    assert machine.up(capsys) == (
        "error: image apim-sandbox:1 is not here\nnext:  docker pull apim-sandbox:1\n"
    )


def test_the_disk_is_full_while_an_image_is_loaded(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (
        'ERROR: failed to load image: command "docker exec --privileged -i x-control-plane ctr '
        '--namespace=k8s.io images import" failed with error: write '
        "/var/lib/containerd/blobs/x: no space left on device"
    )
    # The cluster is there at once; the emulators take their time.
    machine.programs["docker"] = (
        'inspect) if [ -e "$0.made" ]; then echo \'[{"Id": "1", "State": {"Running": true}, '
        f'"Mounts": [{{"Source": "{machine.layout.signing_key}"}}]}}]\'; else exit 1; fi ;;\n'
        "exec) exit 0 ;;\nrun) exec /bin/sleep 60 ;;\n" + machine.programs["docker"]
    )
    docker = machine.path / "docker"
    machine.programs["kind"] = (
        f'{KIND}\ncreate) : > "{docker}.made" ;;\nget) echo kubeconfig ;;\n'
        f'delete) /bin/rm -f "{docker}.made" ;;\n'
    )
    machine.says("kind", "load", words)
    assert machine.up(capsys) == (
        f"error: the disk that Docker uses is full: {words}\nnext:  docker system df; docker system prune\n"
    )
    assert not machine.layout.directory.exists()
    assert not Path(f"{docker}.made").exists()


def test_the_kubeconfig_cannot_be_written(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    words = "ERROR: failed to lock config file: open /state/kubeconfig.lock: read-only file system"
    machine.programs["docker"] = "run) exec /bin/sleep 60 ;;\n" + machine.programs["docker"]
    machine.says("kind", "create", words)
    assert machine.up(capsys) == (
        f"error: the kubeconfig can't be written: {words}\nnext:  name another place with --state-dir DIR\n"
    )


def test_the_state_directory_cannot_be_written(
    machine: Machine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a-file"
    file.touch()
    machine.layout = Layout.of("x", file)
    assert machine.up(capsys) == (
        f"error: state directory {file}/x can't be written: Not a directory\n"
        "next:  name another with --state-dir DIR or APIM_SANDBOX_STATE_DIR\n"
    )


def test_something_else_is_where_the_kubeconfig_belongs(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    """A directory, here; all the rest of what was made is removed, and so is it."""
    machine.layout.kubeconfig.mkdir(parents=True)
    machine.programs["docker"] = "run) exec /bin/sleep 60 ;;\n" + machine.programs["docker"]
    kubeconfig = machine.layout.kubeconfig
    assert machine.up(capsys) == (
        f"error: {kubeconfig} can't be replaced by this cluster's: Is a directory\n"
        f"next:  remove or unmount {kubeconfig}, or name another place with --state-dir DIR\n"
    )
    assert not machine.layout.directory.exists()


def test_the_disk_for_temporary_files_is_full(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    """`kind load` writes the image there; pruning what Docker keeps would be of no use."""
    words = (
        "Command Output: write /tmp/apim-sandbox-x/images-tar2645784650/.tmp-images.tar3036925480: "
        "no space left on device"
    )
    assert str(tools.failure(("kind", "load"), words)) == f"the disk for temporary files is full: {words}"
    assert "TMPDIR" in tools.failure(("kind", "load"), words).hint


def test_docker_is_elsewhere(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing to start on this machine: the variable is named."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///gone.sock")
    problem = tools.failure(("docker", "info"), "Cannot connect to the Docker daemon at unix:///gone.sock.")
    assert problem.hint == "DOCKER_HOST is unix:///gone.sock: start the engine there, or unset DOCKER_HOST"


def test_what_a_killed_up_started_is_waited_for(machine: Machine) -> None:
    """`kind create` has outlived its `up`: the next one does nothing before that has ended."""
    machine.install()
    machine.layout.create()
    told: list[str] = []

    async def waited() -> bool:
        async with turn(machine.layout, lambda: told.append("first")):
            orphan = await anyio.open_process(["/bin/sleep", "60"], pass_fds=tools.HELD.get())
        with anyio.move_on_after(0) as scope:
            async with turn(machine.layout, lambda: told.append("second")):
                pass
        orphan.kill()
        await orphan.wait()
        async with turn(machine.layout, lambda: told.append("third")):
            return scope.cancelled_caught

    assert anyio.run(waited, backend="asyncio")
    assert told == ["second"]


def test_whoever_waited_for_a_removal_finds_a_directory_of_its_own(machine: Machine) -> None:
    """The lock that was waited for went with the directory."""
    machine.install()

    async def both() -> Path:
        async with anyio.create_task_group() as tasks:

            async def first() -> None:
                async with turn(machine.layout, lambda: None):
                    holds.set()
                    await waits.wait()
                    shutil.rmtree(machine.layout.directory)

            holds, waits = anyio.Event(), anyio.Event()
            tasks.start_soon(first)
            await holds.wait()
            async with turn(machine.layout, waits.set):
                return machine.layout.lock

    assert anyio.run(both, backend="asyncio").exists()


def test_an_interrupted_up_leaves_nothing_behind(machine: Machine) -> None:
    """Ctrl-C while the cluster is made: programs are ended, and what was made is removed."""
    machine.programs["docker"] = "run) exec /bin/sleep 60 ;;\n" + machine.programs["docker"]
    machine.install()
    said: list[str] = []

    async def interrupted() -> bool:
        with anyio.CancelScope() as scope:

            def started(name: str) -> None:
                said.append(name)
                if name == "cluster":
                    scope.cancel()

            options = UpOptions(machine.layout, image="apim-sandbox:1")
            await Up(options, lambda *_: None, started).run()
        return scope.cancelled_caught

    assert anyio.run(interrupted, backend="asyncio")
    assert said[-1] == "removing what was made"
    assert not machine.layout.directory.exists()
