import socket

import pytest

from commerce.stack import ports
from commerce.stack.errors import StackError


def test_taken_and_promised_ports_are_passed_over():
    first = next(port for port in ports.candidates(20000, scattered=True) if ports.is_free(port))
    with socket.create_server(("127.0.0.1", first)):
        assert not ports.is_free(first)
        chosen = ports.choose(range(first, first + 50))
        assert chosen > first
        assert ports.choose(range(first, first + 50), taken=[chosen]) > chosen
        with pytest.raises(StackError, match="No free TCP port"):
            ports.choose([first])


def test_ports_lie_below_those_of_outgoing_connections():
    assert max(ports.candidates(32700)) < 32768
    assert max(ports.candidates(0, scattered=True)) < 32768


def test_port_taken_by_another_program_is_refused_before_anything_starts(stack_command, stack_directory):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = stack_command("up", "--only", "web", directory=stack_directory, PORT=str(port))
    assert done.returncode == 1
    assert done.stderr.startswith(f"stack: PORT={port} is taken by another program")
    assert stack_command("status", directory=stack_directory).returncode == 3


def test_port_that_is_no_number_is_refused(stack_command, stack_directory):
    done = stack_command("up", "--only", "web", directory=stack_directory, PORT="http")
    assert (done.returncode, done.stderr) == (1, "stack: PORT=http is no TCP port.\n")
