"""Time LRP against a plain input gradient and against other libraries: python scripts/benchmark.py"""

from pathlib import Path

from omegaconf import DictConfig

from relprop.cli import command


@command("benchmark", Path(__file__).resolve().parents[1] / "conf")
def main(config: DictConfig) -> None:
    from relprop.benchmark import benchmark

    path = Path(config.run_dir) / "benchmark.jsonl"
    benchmark(
        config.cases, config.memory_format, config.repeats, config.batch, path, config.threads, config.competitors
    )


if __name__ == "__main__":
    main()
