#!/usr/bin/env bash
# Every experiment by name. Bare `bash exp.sh` lists them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# -- experiments: a function run_NAME under one line `# NAME: description` -------------------------------------------------

# quickstart: train on the embedded digits, explain by LRP, score, and show where the pictures are (one to two minutes)
run_quickstart() { python scripts/visualize.py experiment=quickstart ckpt=train "$@"; }

# test: the whole test suite
run_test() { python -m pytest "$@"; }

# demo: see it live in the browser, or in real time with source=webcam or source=FILE
run_demo() { python scripts/demo.py "$@"; }

# qual: all pictures in qual/: photographs by every method (options go to that run), an attention branch, the quickstart
run_qual() {
  local methods
  methods=$(basename -s .yaml conf/method/*.yaml | grep -vxE 'attention_branch|file' | paste -sd,)
  rm -rf outputs/qual
  # Nothing that git tracks is written before all have noted the commit.
  python scripts/visualize.py "method=[$methods]" image=qual/originals dataset=imagenet model=squeezenet1_0 \
    logger=csv run_dir=outputs/qual/photographs "$@"
  python scripts/visualize.py method=attention_branch model=abn_resnet20 ckpt=train images=16 \
    logger=csv run_dir=outputs/qual/attention_branch
  run_quickstart run_dir=qual/quickstart logger=csv
  cp "$(ls -td outputs/train/*/ | head -1)summary.json" qual/quickstart/training.json
  rm -r qual/quickstart/{csv,results.jsonl,run.json,run.lock}
  python scripts/gallery.py run=outputs/qual/photographs
  mkdir -p qual/attention_branch
  cp outputs/qual/attention_branch/{heatmaps.png,summary.json} qual/attention_branch/
}

# qual_demo: the pictures of the page in qual/ (options go to demo.py)
run_qual_demo() {
  python -m tests.demo.pictures qual/demo qual/originals/cat.jpg dataset=imagenet model=squeezenet1_0 \
    'method=[lrp,gradcam,guided_backprop]' "$@"
}

# qual_tables: the tables and figures in qual/ of the papers digits_residual and cifar10_residual (half an hour on two cores)
run_qual_tables() {
  local paper
  # Nothing that git tracks is written before all have noted the commit.
  for paper in digits_residual cifar10_residual; do
    python scripts/reproduce.py "paper=$paper" logger=csv "run_dir=outputs/qual/$paper" "$@"
  done
  for paper in digits_residual cifar10_residual; do
    mkdir -p "qual/$paper"
    cp "outputs/qual/$paper"/*.{md,csv,tex,png} "qual/$paper/"
  done
}

# cifar10: train ResNet-20 on CIFAR-10, explain and score (about twenty minutes on two cores)
run_cifar10() { python scripts/visualize.py experiment=cifar10_resnet20 ckpt=train "$@"; }

# trainings: digits, MNIST, CIFAR-10 and Imagenette from random weights, one after the other (about 40 minutes on two cores)
run_trainings() {
  local experiment out
  out=${TRAININGS:-$(folder_of outputs/trainings "$@")}
  for experiment in quickstart remethods_mnist_vgg11 cifar10_resnet20 imagenette_resnet18; do
    train_into "$out/$experiment" "experiment=$experiment" "$@"
  done
}

# faithfulness: insertion and deletion of LRP, gradient × input and a random map, compared on the same images
run_faithfulness() {
  local out=${FAITHFULNESS:-outputs/faithfulness} protocol method folder
  for protocol in otsuki2024 strict; do
    for method in lrp grad_x_input random; do
      folder=$out/$protocol/$method
      if [[ -f $folder/summary.json ]]; then
        echo "finished before, remove it to run it anew: $folder"
        continue
      fi
      python scripts/visualize.py "method=$method" "protocol=$protocol" "run_dir=$folder" "$@"
    done
    python scripts/compare.py "runs=[$out/$protocol/lrp,$out/$protocol/grad_x_input,$out/$protocol/random]"
  done
}

# reproduce: the tables of a paper, paper=NAME; each of the papers below is an experiment of its own, too
run_reproduce() { python scripts/reproduce.py "$@"; }

# benchmark: explaining against a plain gradient, zennit, captum, grad-cam; scoring and masking against bare forwards
run_benchmark() { python scripts/benchmark.py "$@"; }

# The folder $1, or one in it for the words behind it: what they change is not taken for what has been done before.
folder_of() {
  local words=${*:2}
  echo "$1${words:+/${words//[^A-Za-z0-9._-]/-}}"
}

# Train into the folder $1, unless that is done; a training that was killed there goes on.
train_into() {
  local folder=$1 words=("${@:2}")
  if [[ -f $folder/summary.json ]]; then
    echo "finished before, remove it to train it anew: $folder"
    return
  fi
  if [[ -f $folder/run.json ]]; then words+=(ckpt=last); fi
  python scripts/train.py "hydra.run.dir=$folder" "${words[@]}"
}

# -- environment ---------------------------------------------------------------------------------------------------

list() {
  echo "usage: bash exp.sh NAME [options of the script]"
  sed -nE 's/^# ([a-z0-9_]+): (.*)/  \1\t\2/p' "${BASH_SOURCE[0]##*/}" | expand -t 28
  echo "papers, of which every table is reproduced:"
  local paper
  for paper in conf/paper/*.yaml; do
    printf '  %s\t%s\n' "$(basename -s .yaml "$paper")" "$(sed -n '1s/^# *//p' "$paper")"
  done | expand -t 28
}

# Whether the Python $1 can do what the experiment $2 needs.
is_ready() {
  local modules=(relprop) find='import sys, importlib.util as u; sys.exit(not all(map(u.find_spec, sys.argv[1:])))'
  case $2 in
    demo) modules+=(gradio) ;;
    qual_demo) modules+=(gradio playwright) ;;
    test) modules+=(pytest xdist hypothesis zennit pytorch_grad_cam timm submitit gradio playwright) ;;
  esac
  "$1" -c "$find" "${modules[@]}" 2>/dev/null
}

find_python() {
  local candidate
  for candidate in python3 python python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  echo "error: no Python 3.11, 3.12 or 3.13 on the PATH; install one" >&2
  return 1
}

# Use the active virtual environment if it has the package, else .venv, made on first use.
activate() {
  if [[ -n ${VIRTUAL_ENV:-} ]] && is_ready "$VIRTUAL_ENV/bin/python" "$1"; then
    export PATH="$VIRTUAL_ENV/bin:$PATH"
    return
  fi
  if ! is_ready .venv/bin/python "$1"; then
    local python
    python=$(find_python)
    echo "making .venv with $("$python" --version); torch and its libraries take some minutes to download"
    "$python" -m venv .venv
    .venv/bin/python -m pip install --quiet --editable ".[dev]" || {
      echo "error: the installation failed; fix what pip says above, then run the same command again" >&2
      return 1
    }
  fi
  export VIRTUAL_ENV="$PWD/.venv" PATH="$PWD/.venv/bin:$PATH"
}

name=${1:-list}
if [[ $name == list || $name == -h || $name == --help ]]; then
  list
  exit
fi
if [[ -f conf/paper/$name.yaml ]]; then
  set -- reproduce "paper=$name" "${@:2}"
  name=reproduce
fi
if [[ $(type -t "run_$name") != function ]]; then
  echo "error: there is no experiment '$name'" >&2
  list >&2
  exit 1
fi
shift
activate "$name"
"run_$name" "$@"
