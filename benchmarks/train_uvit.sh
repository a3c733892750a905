#!/bin/sh
# Train the U-ViT generator for long, in the background. Start it again to go on after a stop.
#
#   sh benchmarks/train_uvit.sh tiny OUT     as the shipped model: 640 samples of 32² of four
#                                            families (10 minutes of a core), then tiny: 700 + 6000
#                                            steps (55 minutes), figures, and the file to ship
#   sh benchmarks/train_uvit.sh cpu  OUT     1500 samples of 64² (half a core hour), then small:
#                                            4000 + 20000 steps, 9 s a step of the second on one
#                                            core, so about 60 core hours
#   sh benchmarks/train_uvit.sh cuda OUT     one GPU or several: 20000 samples (6 core hours), then
#                                            base: 20000 + 200000 steps, by its operations a few
#                                            hours on one H100 or H200; not measured yet
#   sh benchmarks/train_uvit.sh ablate OUT   tiny three times: whole, no long skips, no cameras;
#                                            MINUTES=15 each tells them apart, 55 is the whole;
#                                            then benchmarks/uvit_ablations.py OUT
#
# OUT/data has the samples, OUT/run the run: model.safetensors, curve.png, samples-*.png and
# progress.csv to look at while it goes on; OUT/log what it says. A checkpoint is written every
# 1000 steps (2000 on CUDA), so a kill loses no more; --resume gives the same bits on the CPU.
#   WORKERS  processes that make samples       THREADS  of the CPU in training
#   SAMPLES  how many to make                  MINUTES  stop training after so long
set -eu
kind=${1:?tiny, cpu, cuda or ablate} out=${2:?folder}
mkdir -p "$out"
python=${PYTHON:-python}
cores=$(getconf _NPROCESSORS_ONLN)
run() { "$python" -m reel2sim.cli.main generator "$@"; }
limit=${MINUTES:+--minutes $MINUTES}

train_all() {
    case $kind in
    tiny)
        run data "$out/data" --preset tiny --count "${SAMPLES:-640}" --workers "${WORKERS:-$cores}"
        # shellcheck disable=SC2086
        run train "$out/data" --out "$out/run" --preset tiny --resume \
            --threads "${THREADS:-1}" $limit
        ;;
    cpu)
        run data "$out/data" --preset small --count "${SAMPLES:-1500}" --workers "${WORKERS:-$cores}"
        # shellcheck disable=SC2086
        run train "$out/data" --out "$out/run" --preset small --steps 20000 --resume \
            --threads "${THREADS:-$cores}" $limit
        ;;
    cuda)
        run data "$out/data" --preset base --count "${SAMPLES:-20000}" --workers "${WORKERS:-$cores}"
        gpus=$("$python" -c 'import torch; print(torch.cuda.device_count())')
        # shellcheck disable=SC2086
        "$python" -m torch.distributed.run --standalone --nproc-per-node "$gpus" \
            -m reel2sim.cli.main generator train "$out/data" --out "$out/run" --preset base \
            --device cuda --resume --threads "${THREADS:-4}" $limit
        ;;
    ablate)
        run data "$out/data" --preset tiny --count "${SAMPLES:-640}" --workers "${WORKERS:-$cores}"
        for name in whole skips cameras; do
            change=
            [ $name = whole ] || change="--set model.$name=false"
            # shellcheck disable=SC2086
            run train "$out/data" --out "$out/$name" --preset tiny --resume \
                --threads "${THREADS:-$cores}" $limit $change
            run eval "$out/$name/model.safetensors" "$out/data" --samples 24 --fits 8 \
                --out "$out/$name/figures.json"
        done
        return
        ;;
    *)
        echo "tiny, cpu, cuda or ablate, not $kind" >&2
        return 2
        ;;
    esac
    if [ -f "$out/run/model.safetensors" ]; then
        run eval "$out/run/model.safetensors" "$out/data" --samples 24 --out "$out/run/figures.json"
        run pack "$out/run/model.safetensors" "$out/data" --figures "$out/run/figures.json" \
            --out "$out/run/small.safetensors"
    fi
}

case $kind in tiny | cpu | cuda | ablate) ;; *) echo "tiny, cpu, cuda or ablate, not $kind" >&2; exit 2 ;; esac
if [ "${FOREGROUND:-}" ]; then
    train_all
else
    FOREGROUND=1 setsid nohup sh "$0" "$kind" "$out" >>"$out/log" 2>&1 &
    echo "process $!, log $out/log"
fi
