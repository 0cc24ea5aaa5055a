# shellcheck shell=bash
# No server but tools: strace records what the command writes and syncs, and lets its syncs fail; unshare gives it a
# small disk of its own.

strace_start() {
  command -v strace > /dev/null || install_packages strace
  strace -o /dev/null true 2> /dev/null || die "strace cannot trace here: the power-cut tests need ptrace"
  unshare --mount --map-root-user mount -t tmpfs tmpfs /mnt 2> /dev/null ||
    die "unshare cannot mount here: the tests of a full disk need a user or mount namespace"
}

strace_stop() { :; }
