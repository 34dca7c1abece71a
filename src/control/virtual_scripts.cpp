// The two programs of a Jetson that people and wattle call, for a virtual device. Only what POSIX
// sh has built in, besides date and sleep: they also run where nothing is installed.
#include "control/virtual_board.hpp"

namespace wattle::control {

// Like the real one it keeps its mode in a file and works through sysfs: limits are raised from the
// top and lowered from the bottom, so that min ≤ max at every moment.
const char* nvpmodel_script() {
  return R"sh(#!/bin/sh
# nvpmodel of a Jetson AGX Orin simulated by wattle.
root=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
status=$root/var/lib/nvpmodel/status
cpus=$root/sys/devices/system/cpu
gpu=$root/sys/class/devfreq/17000000.gpu
emc=$root/sys/kernel/debug/bpmp/debug/clk/emc

# ID → name, cores, kHz of each, Hz of the GPU, Hz of the memory
mode() {
  case $1 in
    0) echo MAXN 12 2201600 1300500000 3199000000 ;;
    1) echo MODE_15W 4 1113600 420750000 2133000000 ;;
    2) echo MODE_30W 8 1728000 624750000 3199000000 ;;
    3) echo MODE_50W 12 1497600 828750000 3199000000 ;;
    *) return 1 ;;
  esac
}

current() {
  line=
  read -r line < "$status"
  id=${line#pmode:}
  id=${id%% *}
  id=${id#000}
  mode "$id" > /dev/null || { echo "NVPM ERROR: no power mode in $status" >&2; exit 1; }
}

limit() { # folder, prefix of min/max file, suffix, new limit
  low=
  read -r low < "$1/$2min$3"
  if [ "${low:-0}" -gt "$4" ]; then echo "$4" > "$1/$2min$3"; fi
  echo "$4" > "$1/$2max$3"
}

set_mode() {
  set -- "$1" $(mode "$1")
  [ $# -eq 6 ] || { echo "NVPM ERROR: invalid power mode $1" >&2; exit 1; }
  printf 'pmode:%04d fmode:none\n' "$1" > "$status"
  core=1
  while [ $core -lt 12 ]; do
    if [ $core -lt "$3" ]; then on=1; else on=0; fi
    echo $on > "$cpus/cpu$core/online"
    core=$((core + 1))
  done
  for policy in 0 4 8; do limit "$cpus/cpufreq/policy$policy" scaling_ _freq "$4"; done
  limit "$gpu" '' _freq "$5"
  echo "$6" > "$emc/max_rate"
}

describe() {
  set -- "$1" $(mode "$1")
  echo "POWER_MODEL: ID=$1 NAME=$2"
  core=0
  while [ $core -lt 12 ]; do
    if [ $core -lt "$3" ]; then on=1; else on=0; fi
    echo "        CPU_ONLINE CORE_$core $on"
    core=$((core + 1))
  done
  for policy in 0 4 8; do echo "        CPU_A78_$((policy / 4)) MAX_FREQ $4"; done
  echo "        GPU MAX_FREQ $5"
  echo "        EMC MAX_FREQ $6"
}

case $1 in
  -q)
    current
    set -- "$id" $(mode "$id")
    echo "NV Power Mode: $2"
    echo "$1" ;;
  -m)
    [ $# -eq 2 ] || { echo "NVPM ERROR: -m needs the ID of a mode" >&2; exit 1; }
    case $2 in ''|*[!0-9]*) echo "NVPM ERROR: invalid power mode $2" >&2; exit 1 ;; esac
    set_mode "$2" ;;
  -p)
    echo "NVPM VERB: Config file: simulated by wattle"
    for each in 0 1 2 3; do describe $each; done ;;
  *)
    echo "usage: nvpmodel -q | -p --verbose | -m ID" >&2
    exit 1 ;;
esac
)sh";
}

const char* tegrastats_script() {
  return R"sh(#!/bin/sh
# tegrastats of a Jetson AGX Orin simulated by wattle: every number comes from the tree around it.
root=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
interval=1000
logfile=
while [ $# -gt 0 ]; do
  case $1 in
    --interval) interval=$2; [ $# -ge 2 ] || exit 1; shift 2 ;;
    --logfile) logfile=$2; [ $# -ge 2 ] || exit 1; shift 2 ;;
    *) echo "usage: tegrastats [--interval MILLISECONDS] [--logfile FILE]" >&2; exit 1 ;;
  esac
done
case $interval in ''|*[!0-9]*) echo "tegrastats: --interval needs milliseconds" >&2; exit 1 ;; esac
if [ -n "$logfile" ]; then exec >> "$logfile" || exit 1; fi
pause=$(printf '%d.%03d' $((interval / 1000)) $((interval % 1000)))
cpus=$root/sys/devices/system/cpu
gpu=$root/sys/devices/platform/bus@0/17000000.gpu

value() { # file → $v, 0 if it holds no number
  v=
  read -r v < "$1" 2> /dev/null
  case $v in ''|*[!0-9-]*) v=0 ;; esac
}

# For each core $busy_N and $all_N, counted since the start, and $seen: who is online.
count_cores() {
  seen=' '
  while read -r name user nice system idle rest; do
    case $name in
      cpu[0-9]*)
        n=${name#cpu}
        seen="$seen$n "
        eval "was_busy=\${busy_$n:-0} was_all=\${all_$n:-0}"
        busy=$((user + nice + system))
        all=$((busy + idle))
        share=0
        if [ $all -gt $was_all ]; then share=$((100 * (busy - was_busy) / (all - was_all))); fi
        eval "busy_$n=$busy all_$n=$all share_$n=$share" ;;
    esac
  done < "$root/proc/stat"
}

cores() {
  text=
  n=0
  while [ $n -lt 12 ]; do
    case $seen in
      *" $n "*)
        value "$cpus/cpufreq/policy$((n / 4 * 4))/scaling_cur_freq"
        eval "share=\$share_$n"
        text="$text,$share%@$((v / 1000))" ;;
      *) text="$text,off" ;;
    esac
    n=$((n + 1))
  done
  text=${text#,}
}

temperatures() {
  temps=
  for zone in "$root"/sys/class/thermal/thermal_zone*; do
    read -r type < "$zone/type"
    value "$zone/temp"
    [ "$v" -gt -256000 ] || continue
    temps="$temps ${type%-thermal}@$((v / 1000)).$(printf %03d $((v % 1000)))C"
  done
}

rails() {
  power=
  k=0
  for channel in "$root"/sys/bus/i2c/drivers/ina3221/1-004*/hwmon/hwmon*/in[123]_label; do
    read -r label < "$channel"
    [ "$label" != NC ] || continue
    chip=${channel%/*}
    number=${channel##*/in}
    number=${number%_label}
    value "$chip/in${number}_input"
    millivolts=$v
    value "$chip/curr${number}_input"
    now=$((millivolts * v / 1000))
    eval "sum_$k=\$((\${sum_$k:-0} + now)) && sum=\$sum_$k"
    power="$power $label ${now}mW/$((sum / lines))mW"
    k=$((k + 1))
  done
}

count_cores
lines=0
while sleep "$pause"; do
  lines=$((lines + 1))
  total=0
  available=0
  while read -r name amount rest; do
    case $name in
      MemTotal:) total=$((amount / 1024)) ;;
      MemAvailable:) available=$((amount / 1024)) ;;
    esac
  done < "$root/proc/meminfo"
  count_cores
  cores
  value "$root/sys/kernel/debug/bpmp/debug/clk/emc/rate"
  emc=$((v / 1000000))
  value "$root/sys/kernel/actmon_avg_activity/mc_all"
  emc_share=0
  if [ $emc -gt 0 ]; then emc_share=$((v / 10 / emc)); fi
  value "$gpu/load"
  load=$v
  value "$gpu/devfreq/17000000.gpu/cur_freq"
  mhz=$((v / 1000000))
  temperatures
  rails
  echo "$(date '+%m-%d-%Y %H:%M:%S') RAM $((total - available))/${total}MB (lfb 4x4MB)" \
    "SWAP 0/0MB (cached 0MB) CPU [$text] EMC_FREQ ${emc_share}%@$emc" \
    "GR3D_FREQ $((load / 10))%@[$mhz,$mhz]$temps$power"
done
)sh";
}

}  // namespace wattle::control
