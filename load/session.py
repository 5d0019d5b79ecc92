"""Registers somebody through the edge and prints their id and token: `python -m load.session`."""

import uuid

import httpx

from local.stack import Stack


def main() -> None:
    """Print `ID TOKEN`."""
    person = {
        "email": f"load.{uuid.uuid4().hex}@example.com",
        "password": uuid.uuid4().hex,
        "firstName": "Load",
        "lastName": "Test",
    }
    url = Stack.from_environment().url("edge", "/api/v1/users/register")
    answer = httpx.post(url, json=person, timeout=30, trust_env=False).raise_for_status().json()
    print(answer["user"]["id"], answer["token"])


if __name__ == "__main__":
    main()
