"""Gradio, told to do what this page needs and nothing else."""

import logging
from functools import partial
from ipaddress import ip_address
from pathlib import Path

import gradio as gr
from starlette.middleware import Middleware

from relprop.demo.gate import Gate
from relprop.demo.page import Page
from relprop.demo.question import Form
from relprop.demo.rendering import template
from relprop.demo.studio import Studio
from relprop.demo.taking import DOWNLOADS
from relprop.demo.uploads import MOST_MEGABYTES, keep_newest
from relprop.errors import UserError

LOCAL = ("127.0.0.1", "localhost", "[::1]")
FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")
MONOSPACE = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")
MOST_VISITORS = 100
MOST_UPLOADED = MOST_MEGABYTES * 10**6 + 10_000  # one photograph, and what frames it


def launch(studio: Studio, methods: list[str], skip: str, uploads: Path) -> gr.Blocks:
    """The page, served in threads of its own. Raises `UserError` if the address cannot be had."""
    host, port, share = studio.config.host, studio.config.port, studio.config.share
    logging.getLogger("httpx").setLevel(logging.WARNING)  # Gradio asks itself whether it is up
    blocks: gr.Blocks = Page(studio, methods, skip).blocks
    blocks.queue(max_size=200)
    gate = Middleware(
        Gate,
        folders=[uploads],
        hosts=(*LOCAL, host) if _is_local(host) and not share else None,
        forms=_forms(blocks),
        most_uploaded=MOST_UPLOADED,
        before_upload=partial(keep_newest, uploads),
    )
    try:
        blocks.launch(
            server_name=f"[{host.strip('[]')}]" if ":" in host else host,
            server_port=port,
            share=share,
            prevent_thread_lock=True,
            quiet=True,
            max_file_size=MOST_MEGABYTES * 10**6,
            allowed_paths=[str((studio.run_dir / DOWNLOADS).resolve())],
            state_session_capacity=MOST_VISITORS,
            app_kwargs={"middleware": [gate]},
            ssr_mode=False,
            pwa=False,
            mcp_server=False,
            enable_monitoring=False,
            run_history=False,
            footer_links=[],
            theme=_theme(),
            css=template("page.css"),
            js=template("page.js"),
        )
    except OSError as error:
        place = f"port={port}" if port else "any port from 7860 to 7959"
        raise UserError(f"host={host}: {place} cannot be had ({error}); give another port=N or host=ADDRESS") from error
    blocks.share = False  # a shared page would load its scripts from elsewhere; the link stays
    return blocks


def _is_local(host: str) -> bool:
    """Whether only this machine can call at that address."""
    try:
        return host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _forms(blocks: gr.Blocks) -> dict[int, Form]:
    """Of all questions that the page asks."""
    return {
        index: Form(
            len(answer.inputs), frozenset(at for at, part in enumerate(answer.inputs) if isinstance(part, gr.Image))
        )
        for index, answer in blocks.fns.items()
        if answer.fn is not None  # else the browser answers it
    }


def _theme() -> gr.themes.Base:
    """Fonts of the visitor's own machine: others would be fetched from elsewhere."""
    return gr.themes.Default(
        primary_hue=gr.themes.colors.sky, neutral_hue=gr.themes.colors.slate, font=FONTS, font_mono=MONOSPACE
    )
