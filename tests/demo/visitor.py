"""Somebody who speaks to the page's server without a browser, and says whatever they like."""

import json
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

API = "/gradio_api"


@dataclass(frozen=True)
class Reply:
    """HTTP's `status`; if a question was taken, whether it was answered, and `output`: Gradio's message."""

    status: int
    text: str
    answered: bool = False
    output: dict[str, Any] = field(default_factory=dict)

    @property
    def refusal(self) -> str:
        """What the visitor is told instead of an answer."""
        return self.text if self.status != 200 else "" if self.answered else str(self.output["error"])


class Visitor:
    """One session. `form` (network, methods, …) is what stands on the page: `ask` sends it if nothing else is said."""

    def __init__(self, url: str) -> None:
        self.client = httpx.Client(base_url=url, trust_env=False, timeout=60)
        self.session = uuid4().hex
        config = self.client.get("/config").raise_for_status().json()
        names = {part["id"]: part["props"].get("elem_id") for part in config["components"]}
        self.questions = {
            (names.get(part), event): each for each in config["dependencies"] for part, event in each["targets"]
        }
        self.inputs = {each["id"]: [names.get(part) for part in each["inputs"]] for each in config["dependencies"]}
        self.form = {"methods": ["lrp"], "composite": "otsuki2024", "skip": "auto", "filter": 1, "target": "predicted"}
        listed = self.ask("", "load").output["data"][0]["choices"]
        self.networks = {label.rpartition("(")[2].rstrip(")"): id for label, id in listed}

    def open(self, name: str) -> Reply:
        """Choose a network by the folder of its run."""
        self.form["network"] = self.networks[name]
        return self.ask("network", "change")

    def ask(self, part: str, event: str, told: Any = None, **form: Any) -> Reply:
        """Ask what the page asks when `event` happens to the part with this id, which tells `told` of it."""
        asked = next(each for (name, kind), each in self.questions.items() if (name or "", kind) == (part, event))
        data = [{**self.form, **form}.get(name) if name else None for name in self.inputs[asked["id"]]]
        return self.send({"fn_index": asked["id"], "data": data, "event_data": told})

    def send(self, question: Any, **headers: str) -> Reply:
        """Any question at all, of this session unless it says another."""
        body = question
        if isinstance(question, dict):
            body = json.dumps({"session_hash": self.session, **question})
        joined = self.client.post(
            f"{API}/queue/join", content=body, headers={"content-type": "application/json", **headers}
        )
        if joined.status_code != 200:
            return Reply(joined.status_code, joined.text)
        return self._answer(joined.json()["event_id"])

    def upload(self, name: str, content: bytes) -> httpx.Response:
        return self.client.post(f"{API}/upload", files={"files": (name, content)})

    def photo(self, content: bytes, name: str = "photo.png") -> Reply:
        """Give a photograph of one's own."""
        (path,) = self.upload(name, content).raise_for_status().json()
        return self.ask("photo", "input", photo={"path": path, "meta": {"_type": "gradio.FileData"}})

    def _answer(self, event_id: str) -> Reply:
        asked = {"session_hash": self.session}
        with self.client.stream("GET", f"{API}/queue/data", params=asked) as stream:
            for line in stream.iter_lines():
                message = json.loads(line.removeprefix("data:")) if line.startswith("data:") else {}
                if message.get("msg") == "process_completed" and message["event_id"] == event_id:
                    return Reply(200, "", message["success"], message["output"])
        raise AssertionError("no answer has come")
