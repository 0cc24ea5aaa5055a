# shellcheck shell=bash
# No server but a tool: the power-cut tests record what the command writes and syncs with it.

strace_start() {
  command -v strace > /dev/null || install_packages strace
  strace -o /dev/null true 2> /dev/null || die "strace cannot trace here: the power-cut tests need ptrace"
}

strace_stop() { :; }
