"""See it live in the browser: python scripts/demo.py

Explain in real time: python scripts/demo.py source=webcam, or source=FILE.mp4 output=OUT.mp4
"""

from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from relprop.adopting import adopted
from relprop.cli import command
from relprop.demo.required import require_gradio
from relprop.live import explain_live
from relprop.runs import choose_checkpoint

CONF = Path(__file__).resolve().parents[1] / "conf"


@command("demo", CONF)
def main(config: DictConfig) -> None:
    words, asked = HydraConfig.get().overrides.task, config
    if config.source is None:
        require_gradio()
        from relprop.demo.serving import serve  # here, since torch takes seconds that a refusal need not wait for

        serve(config, CONF, words)
        return
    config = adopted(asked, words)
    checkpoint = choose_checkpoint(config, asked)
    explain_live(config, checkpoint)


if __name__ == "__main__":
    main()
