"""Keep the pictures of explained photographs, sorted by method: python scripts/gallery.py run=outputs/visualize/A"""

from pathlib import Path

from omegaconf import DictConfig

from relprop.cli import command


@command("gallery", Path(__file__).resolve().parents[1] / "conf")
def main(config: DictConfig) -> None:
    from relprop.experiment.gallery import gallery

    gallery(config)


if __name__ == "__main__":
    main()
