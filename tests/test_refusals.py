"""What users get wrong ends with one line and exit code 1, at once."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.configs import SCRIPTS, options

REFUSED = [
    ("train", "model=vgg17", "model=vgg17 is unknown; choose one of: .*darknet19, .*vgg19_bn"),
    ("train", "dataset=mars", f"dataset=mars is unknown; choose one of: {', '.join(options('dataset'))}"),
    ("train", "modle=vgg16", "modle is unknown; did you mean model\\? the config has: seed, .*trainer"),
    ("train", "optimizer.lrr=1", "optimizer.lrr is unknown; did you mean optimizer.lr\\? optimizer has: name, lr"),
    ("train", "optimizer.lr=fast", "optimizer.lr=fast is not valid; it takes a number of at least 1e-12"),
    ("train", "trainer.max_epochs=1.5", "trainer.max_epochs=1.5 is not valid; it takes a whole number"),
    ("train", "trainer.precision=8", "trainer.precision=8 is not valid; choose one of: 32-true, 16-mixed, bf16-mixed"),
    ("train", "experiment=nope", f"experiment=nope is unknown; choose one of: {', '.join(options('experiment'))}"),
    ("visualize", "skip=jump", f"skip=jump is unknown; choose one of: {', '.join(options('skip'))}"),
    ("visualize", "method.start=top", "method.start=top is not valid; choose one of: probability, softmax"),
    (
        "visualize",
        "image=x.jpg target=label",
        "target=label is for test images; a photograph takes target=predicted, a class",
    ),
    (
        "visualize",
        "image=x.jpg metric=complexity",
        "metric=… is for test images; leave it out, or leave image=x.jpg out",
    ),
    ("visualize", "cut=none", "cut=… is for photographs; leave it out, or give image=FILE"),
    ("visualize", "image=x.jpg cut=all", "cut=all is not valid; choose one of: middle, none"),
    ("demo", "image=x.jpg", "image=… is for scripts/visualize.py; leave it out"),
    ("demo", "output=x.mp4", "output=… is for real time; leave it out, or give source=webcam or source=FILE"),
    ("demo", "target=3", "target=… is for real time; leave it out, or give source=webcam or source=FILE"),
    ("demo", "source=webcam port=80", "port=… is for the page; leave it out, or leave source=webcam out"),
    ("demo", "source=x.mp4 target=label", "target=label is for test images; a video takes target=predicted, a class"),
    ("demo", "source=x.mp4 method=[lrp,gradcam]", r"method=\[lrp,gradcam\]: a video is explained by one method"),
    ("demo", "method=file method.path=x.npy", "method=file has maps of test images; take another method"),
    ("demo", "trainer=ddp_cpu", "trainer.devices=2: this takes one device, trainer.devices=1"),
    ("demo", "port=http", "port=http is not valid; it takes a whole number from 1 to 65535 or null"),
    ("visualize", "image=x.jpg trainer=ddp_cpu", "trainer.devices=2: photographs take one device, trainer.devices=1"),
    (
        "visualize",
        "method=[lrp,gradient]",
        r"method=\[lrp,gradient\] compares several methods on photographs: give image=FILE; .* -m method=lrp,gradient",
    ),
    ("visualize", "image=x.jpg method=[lrp,lrp]", r"method=\[lrp,lrp\] has lrp twice; each method can be taken once"),
    ("visualize", "image=x.jpg method=[lrp,nope]", "method=nope is unknown; choose one of: .*grad_x_input, .*lrp"),
    ("visualize", "image=x.jpg method=[lrp,gradient] method.skp=1", "method.skp is unknown; did you mean method.skip"),
    ("visualize", "method.max_batch=0", "method.max_batch=0 is not valid; it takes a whole number of at least 1"),
    ("visualize", "method.gamma=-1", "method.gamma=-1 is not valid; it takes a number of at least 0 or null"),
    ("visualize", "method.eps=0", "method.eps=0 is not valid; it takes a number of at least 1e-12 or null"),
    ("visualize", "method=random skip=latest", "method=random has no skip; leave skip=… out, or take method=lrp"),
    ("visualize", "method.composite=epsilon", "method.composite=epsilon is not valid; say composite=epsilon"),
    ("visualize", "method.bias=lose", "method.bias=lose is not valid; choose one of: absorb, ignore, distribute, null"),
    ("visualize", "method=gradient audit=true", "audit=true: method=gradient has no relevance to audit; .*method=lrp"),
    ("visualize", "audit=2", "audit=2 is not valid; it takes a boolean"),
    ("visualize", "ckpt=/no/such.ckpt", "there is no checkpoint /no/such.ckpt; give ckpt=FILE or ckpt=auto"),
    ("visualize", "dataset=cifar10", "no checkpoint of resnet20 on cifar10 .*train.py dataset=cifar10 model=resnet20'"),
    ("visualize", "ckpt=null", "ckpt=null is not valid; it takes a name, such as auto"),
    ("visualize", "protocol.step=ten", "protocol.step=ten is not valid; it takes a whole number of at least 1 or null"),
    ("visualize", "protocol.ties=random", "protocol.ties=random is not valid; choose one of: position, together"),
    ("visualize", "metric.protocol=strickt", "metric.protocol=strickt is not valid; say protocol=strickt"),
    ("visualize", "metric.protocol.step=3", "metric.protocol.step=… is not valid; say protocol.step=…"),
    ("visualize", "metric=complexity protocol=strict", "metric=complexity has no protocol; leave protocol=… out"),
    ("visualize", "metric=complexity protocol.step=3", "metric=complexity has no protocol; leave protocol=… out"),
    ("visualize", "metric.dtype=float64", "metric.dtype=float64 is not valid; choose one of: float32, bfloat16"),
    ("visualize", "reduction=min", "reduction=min is not valid; choose one of: sum, abs_sum, positive_sum, max"),
    ("visualize", "postprocess=[blur]", "postprocess=blur is unknown; choose one of: component, normalize, quantize"),
    (
        "visualize",
        "postprocess=[quantize] postprocess.quantize.levels=1",
        "postprocess.quantize.levels=1 is not valid; it takes a whole number of at least 2",
    ),
    ("visualize", "postprocess=null", "Config group override must be a string or a list.* or \\[\\] for none"),
    ("visualize", "postprocess.quantize.levels=4", r"say postprocess=\[quantize\], which has: levels"),
    ("visualize", "postprocess=[quantize,quantize]", "has quantize twice; each step can be taken once"),
    ("compare", "runs=3", "runs=3 is not valid; name the folders of two or more"),
    ("visualize", "images=0", "images=0 is not valid; it takes a whole number of at least 1 or null"),
    ("visualize", "sheet=0", "sheet=0 is not valid"),
    ("visualize", "method.relevance_filter=0", "relevance_filter=0 is not valid; it takes a number from 1e-12 to 1"),
    ("train", "seed=-1", "seed=-1 is not valid; it takes a whole number from 0 to"),
    ("train", "freeze=head", r"freeze=head is not valid; choose one of: none, all_but_head, last_N \(such as last_3\)"),
    ("train", "ema=1", "ema=1 is not valid; it takes a number from 0 to 0.999999999 or null"),
    ("train", "model=resnet18 model.width=2", "model.width is unknown; model has: name"),
    ("train", "optimizer.lr=-1", "optimizer.lr=-1 is not valid"),
    ("train", "trainer.max_epochs=0", "trainer.max_epochs=0 is not valid"),
    ("train", "+foo=1", "foo is unknown; the config has: seed"),
    ("train", "output_dir=/proc/nope", "/proc/nope.*: No such file or directory; check this path, its permissions"),
    ("visualize", "dataset=imagenet model=resnet50", "There is no ImageNet at data/imagenet/val; request it from"),
    ("train", "dataset=imagenet model=resnet50", "There is no ImageNet at data/imagenet/(train|val); request it"),
    ("train", "ckpt=my.ckpt", "ckpt=my.ckpt is not valid for training; say ckpt=last .* or weights=my.ckpt to start"),
    ("train", "dataset.per_class=0", "dataset.per_class=0 is not valid; it takes a whole number of at least 1 or null"),
    (
        "visualize",
        "images=10 dataset.per_class=2",
        "images=10 and dataset.per_class=2 contradict; leave one of them out",
    ),
    ("train", "replace_head=true", "replace_head=true: random weights have no head to replace; leave it out, or say"),
    ("train", "+trainer.max_steps=9", r"trainer.max_steps=9: a training has whole epochs, .*; say dataset.epochs=N"),
    (
        "train",
        "+trainer.limit_val_batches=0",
        "trainer.limit_val_batches=0: a training keeps the weights",
    ),
    ("train", "+trainer.limit_test_batches=0", "trainer.limit_test_batches=0: a training keeps the weights"),
    ("train", "+trainer.accumulate_grad_batches=0", "trainer.accumulate_grad_batches=0 is not valid; it takes a whole"),
    ("train", "+trainer.max_time=5", "trainer.max_time=5 is not valid; choose one of: days:hours:minutes:seconds"),
    (  # null is valid where an experiment says something
        "train",
        "experiment=otsuki2024_cub weights=null replace_head=false trainer.gradient_clip_val=null ckpt=my.ckpt",
        "ckpt=my.ckpt is not valid for training",
    ),
    ("reproduce", "paper=nope", "paper=nope is unknown; choose one of: bermudez2022_gamma, cifar10_residual"),
    ("reproduce", "paper.tables.methods.captoin=x", "did you mean paper.tables.methods.caption"),
    ("reproduce", "paper.tables.methods.scores=3", "methods.scores=3 is not valid; it takes a list, such as"),
    ("reproduce", "job_threads=null", "job_threads=null is not valid; it takes a whole number of at least 1"),
    ("reproduce", "--dry-run images=0", "images=0 is not valid; it takes a whole number of at least 1 or null"),
    ("reproduce", "jobs=many", "jobs=many is not valid; it takes a whole number of at least 1 or null"),
    ("reproduce", "accelerator=tpu", "accelerator=tpu is not valid; choose one of: auto, cpu, gpu"),
    ("benchmark", "repeats=many", "repeats=many is not valid; it takes a whole number of at least 1"),
    ("benchmark", "threads=0", "threads=0 is not valid; it takes a whole number of at least 1 or null"),
]


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], dict]:
    """How each of these commands ends, one after the other in one process."""
    command = [sys.executable, "-m", "tests.refusing"]
    commands = [(script, words) for script, words, _ in REFUSED]
    environment = {key: value for key, value in os.environ.items() if key != "RELPROP_DATA"}
    environment["PYTHONPATH"] = str(Path(__file__).parents[1])
    sentences = json.dumps([(script, words.split()) for script, words in commands])
    folder = tmp_path_factory.mktemp("refused")
    run = subprocess.run(
        command, cwd=folder, env=environment, input=sentences, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return dict(zip(commands, json.loads(run.stdout), strict=True))


@pytest.mark.parametrize(("script", "words", "message"), REFUSED)
def test_refused_at_once_in_one_line(script: str, words: str, message: str, ends) -> None:
    """At once, since nothing slow is imported, whatever the machine's load."""
    end = ends[script, words]
    assert (end["code"], end["out"], end["slow"]) == (1, "", []), end
    lines = end["err"].strip().splitlines()
    assert len(lines) == 1, lines
    assert re.match(f"error: .*{message}", lines[0]), lines[0]


def test_a_script_says_what_is_wrong_and_ends_with_exit_code_1(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPTS / "train.py"), "model=vgg17"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    (said,) = run.stderr.splitlines()
    assert (run.returncode, run.stdout) == (1, "")
    assert said.startswith("error: model=vgg17 is unknown; choose one of: ")


def test_sweep_of_several_processes_is_refused(tmp_path: Path) -> None:
    """Hydra tells of the jobs first."""
    command = [sys.executable, str(SCRIPTS / "visualize.py"), "-m", "seed=0,1", "trainer=ddp_cpu"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    (said,) = run.stderr.splitlines()
    assert run.returncode == 1
    assert said.startswith("error: trainer.devices=2: every run of a sweep takes one device, trainer.devices=1; only")


def test_refusals_and_help_import_no_torch(tmp_path: Path) -> None:
    """What makes them quick, whatever the machine's load."""
    probe = (
        "import runpy, sys; sys.argv = sys.argv[1:]\n"
        "try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "except SystemExit: pass\n"
        "assert not {'torch', 'lightning', 'matplotlib', 'wandb'} & set(sys.modules), 'slow imports'"
    )
    for script, words in [("visualize", "ckpt=nope"), ("visualize", "--help")]:
        command = [sys.executable, "-c", probe, str(SCRIPTS / f"{script}.py"), *words.split()]
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr


def test_help_names_the_choices(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPTS / "visualize.py"), "--help"]
    text = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert f"skip: {', '.join(options('skip'))}" in text
    assert f"protocol: {', '.join(options('protocol'))}" in text
