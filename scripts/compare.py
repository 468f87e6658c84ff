"""Compare methods on the same images: python scripts/compare.py runs=[outputs/visualize/A,outputs/visualize/B]"""

from pathlib import Path

from omegaconf import DictConfig

from relprop.cli import command
from relprop.comparison.runs import read_runs


@command("compare", Path(__file__).resolve().parents[1] / "conf")
def main(config: DictConfig) -> None:
    runs = read_runs(config.runs)
    from relprop.comparison.report import compare_runs  # here, since scipy takes a second that a refusal can do without

    compare_runs(runs, config.seed, Path(config.run_dir))


if __name__ == "__main__":
    main()
