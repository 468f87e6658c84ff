"""Questions that the page does not ask, put to the real server."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.demo.server import Server
from tests.demo.test_uploads import encoded
from tests.demo.visitor import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("unharmed")]
EVIL = "http://203.0.113.1/evil.png"  # an address that is nobody's


def test_questions_that_nobody_asks(visitor: Visitor) -> None:
    index = visitor.questions["methods", "change"]["id"]
    good = {"fn_index": index, "data": [None, visitor.form["network"], ["lrp"], "otsuki2024", "auto", 1, "predicted"]}
    assert visitor.send(good).answered
    browser_only = visitor.questions["view", "change"]["id"]
    for change in (
        *({"fn_index": value} for value in (browser_only, 999, -1, None, "2", 2.5, 10**30)),
        *({"data": value} for value in ([], good["data"][:-1], [*good["data"], 1], None, {"0": 1}, "abc")),
        *({"session_hash": value} for value in ("../x", "", None, 7, "a" * 10_000)),
        *({"event_data": value} for value in ([1], "a", 1)),
    ):
        assert visitor.send({**good, **change}).status == 400, change
    for body in (
        b"",
        b"{",
        b"[" * 50_000,
        b"\xff",
        b"null",
        b"[]",
        json.dumps({**good, "data": ["\ud800"] * 7}).encode(),
    ):
        assert visitor.send(body).status == 400
    assert visitor.send(json.dumps({**good, "data": ["a" * 2_000_000]})).status == 413
    assert visitor.send(
        json.dumps({"session_hash": visitor.session, **good}), **{"content-type": "text/plain"}
    ).status in (*(400, 422),)
    assert visitor.send({**good, "batched": True, "simple_format": True, "event_id": "x"}).answered


def test_files_that_were_not_uploaded(server: Server, visitor: Visitor) -> None:
    (path,) = visitor.upload("cat.png", encoded("PNG")).json()
    for name in ("/etc/passwd", str(server.checkpoint("resnet")), EVIL, "data:image/png;base64,AAAA", f"{path}/..", ""):
        for file in ({"path": name, "meta": {"_type": "gradio.FileData"}}, {"path": name}, [{"path": name}], name):
            assert visitor.ask("photo", "input", photo=file).status == 403
        file = {"path": name, "url": EVIL, "meta": {"_type": "gradio.FileData"}}
        for part in ("network", "methods", "composite", "skip", "filter", "target"):
            assert visitor.ask("methods", "change", **{part: [file]}).status == 403
        assert visitor.ask("easel", "stroke", {"stroke": file}).status == 403
    assert visitor.ask("photo", "input", photo={"path": path, "url": EVIL, "orig_name": "../../x"}).answered
    assert visitor.ask("photo", "input", photo=None).answered


def test_networks_are_known_by_their_ids_alone(server: Server, visitor: Visitor) -> None:
    checkpoint = str(server.checkpoint("vgg"))
    given: list[Any] = [checkpoint, Path(checkpoint).name, "", "0", 0, None, True, [visitor.networks["vgg"]], {"id": 1}]
    for network in [*given, visitor.networks["vgg"].upper(), visitor.networks["vgg"] + " ", "a" * 50_000, "ckpt=x"]:
        for reply in (visitor.ask("network", "change", network=network), visitor.ask("skip", "input", network=network)):
            assert "no such network" in reply.refusal


def test_choices_that_the_page_does_not_offer(visitor: Visitor) -> None:
    odd: list[Any] = [
        None,
        "",
        "nope",
        "file",
        7,
        True,
        {"a": 1},
        "a" * 20_000,
        "lrp;rm",
        "<b>",
        "${oc.env:HOME}",
        "x\n",
    ]
    refused = {
        "methods": [*odd, ["file"], ["nope"], ["lrp"] * 9, [["lrp"]], [None], [{}], ["lrp method.patterns=/etc"]],
        "composite": [*odd, ["otsuki2024"], "../../x"],
        "skip": [*odd, ["auto"]],
        "filter": [*odd, 0, -1, 1.01, float("nan"), float("inf"), -float("inf"), 10**400, [1], "1"],
        "target": [*(value for value in odd if value != 7), -1, 10, 10**9, 1.0, float("nan"), 10**400, [1], "0"],
    }
    empty = visitor.ask("methods", "change", methods=[])  # told by a warning; nothing else changes
    assert empty.answered and "card" not in json.dumps(empty.output["data"])
    for part, values in refused.items():
        for value in values:
            reply = visitor.ask("methods", "change", **{part: value})
            assert reply.status == 200 and not reply.answered and reply.output["error"], (part, value)
            assert "<" not in reply.output["error"].replace("&lt;", "")


def test_strokes_that_nobody_can_paint(visitor: Visitor) -> None:
    good = {"paint": "black", "side": 4, "cells": [[0, 0]]}
    assert visitor.ask("easel", "stroke", {"stroke": good}).answered
    cells: list[Any] = [
        None,
        [],
        [[]],
        [[0]],
        [[0, 0, 0]],
        [[-1, 0]],
        [[0, 10**9]],
        [[0.5, 0]],
        [["0", "0"]],
        [[True, 0]],
    ]
    cells += [[[0, float("nan")]], [[10**400, 0]], [[[0], [0]]], "ab", {"0": 1}, [[0, 0]] * 10_000, 7, [None], [{}]]
    changes = [
        *({"cells": value} for value in cells),
        *({"side": value} for value in (0, -4, 10**9, 4.0, "4", None, True, [4], float("nan"))),
        *({"paint": value} for value in ("nope", "", None, 4, ["black"], {"black": 1}, "lrp", "uniform", "telea")),
    ]
    for change in changes:
        reply = visitor.ask("easel", "stroke", {"stroke": {**good, **change}})
        assert reply.status == 200 and not reply.answered, change
    for told in (None, {}, {"stroke": None}, {"stroke": 1}, {"stroke": [good]}, {"strokes": good}):
        assert not visitor.ask("easel", "stroke", told).answered
    assert visitor.ask("easel", "stroke", {"stroke": {**good, "cells": [[0, 0]] * 10**6}}).status == 413
    assert visitor.ask("easel", "clear").answered


def test_samples_classes_and_tabs_that_there_are_not(visitor: Visitor) -> None:
    for number in (-1, 12, 10**9, 1.0, "1", None, True, [1], {}, float("nan"), 10**400):
        for part in ("samples", "classes"):
            reply = visitor.ask(part, "chosen", {"number": number})
            assert reply.status == 200 and not reply.answered, (part, number)
    for told in (None, {}, {"other": 1}):
        assert not visitor.ask("samples", "chosen", told).answered
    for told in (None, {}, {"value": 7}, {"value": ["Layers"]}, {"index": "x", "selected": 9}):
        assert visitor.ask("tabs", "select", told).answered


def test_who_has_nothing_before_them_is_told_so(server: Server) -> None:
    stranger = Visitor(server.url)
    stranger.form["network"] = stranger.networks["resnet"]
    for part, event in (("run-trust", "click"), ("write", "click"), ("easel", "undo"), ("easel", "clear")):
        assert "choose" in stranger.ask(part, event).refusal


def test_a_checkpoint_that_has_gone_is_no_longer_offered(server: Server, visitor: Visitor, tmp_path: Path) -> None:
    run = server.checkpoint("vgg").parents[1]
    run.rename(tmp_path / "gone")
    try:
        assert "choose" in visitor.ask("network", "change", network=visitor.networks["vgg"]).refusal
        assert list(Visitor(server.url).networks) == ["resnet"]
    finally:
        (tmp_path / "gone").rename(run)
    assert visitor.ask("network", "change", network=visitor.networks["vgg"]).answered
    assert visitor.open("resnet").answered


def test_a_network_opens_though_no_chosen_method_goes_with_it(visitor: Visitor) -> None:
    visitor.form["methods"] = ["attention_branch"]
    opened = visitor.open("resnet")
    assert opened.answered and 'class="refused"' in str(opened.output["data"])
    assert "data-sample" in str(opened.output["data"])
    visitor.form["methods"] = ["lrp"]
    looked = visitor.ask("methods", "change")
    assert looked.answered and 'data-method=\\"lrp\\"' in json.dumps(looked.output["data"])
