import socket
import subprocess
import sys

from harness.kit import ports


def test_ports_differ_and_can_be_listened_on():
    given = ports.free(5)
    assert len(set(given)) == 5
    for port in given:
        with socket.socket() as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind((ports.LOOPBACK, port))
            server.listen()
            assert ports.accepts(port)
        assert not ports.accepts(port)


def test_a_port_is_given_once():
    first, second = ports.free(20), ports.free(20)
    assert not set(first) & set(second)


def test_runs_that_start_at_once_get_different_ports():
    program = "from harness.kit import ports; print(*ports.free(40))"
    runs = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    given = [port for run in runs for port in run.communicate()[0].split()]
    assert len(given) == len(set(given)) == 120
