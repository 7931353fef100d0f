/*
 * The keeper starts an agent's commands and sees to it that nothing outlives them. One keeper per agent:
 *
 *   agent -- requests --> keeper -+- guard - command - whatever the command starts
 *     ^                           +- guard - command - ...
 *     +--------- events ----------+--+
 *
 * The keeper forks a guard for each command; the guard is a subreaper, so every process beneath it stays beneath it,
 * also one that has left its group, its session and its parents. Both are small, so a fork costs little, and the
 * agent's own thread is not blocked by it. When a guard leaves, another stands by for the next command, which then waits
 * for one fork and not for two.
 *
 * Invariants
 *  1. A guard ends when nothing lives beneath it, or when SIGKILL has been tried for KILL_MS and the survivors are told.
 *  2. A guard outlives neither its keeper nor a keeper its agent: each sees the end of a pipe that only the other holds,
 *     whatever it died of, and then ends what is beneath it with SIGKILL. What is beneath a guard that was killed falls
 *     to the keeper, a subreaper too. Only where both are killed in one moment PDEATHSIG is left, for the command alone.
 *  3. A command whose lease is over is ended, also where its agent is stopped and cannot say so.
 *  4. No guard waits for anybody: a reader that does not read, a file system that hangs and a command that does not
 *     die all leave it its deadlines.
 *  5. A program is started by execve alone, or execveat. What the system does not take for a program is an error, never a script
 *     for a shell. A start that failed is told as such, with its errno: no exit code of a command means it.
 *  6. A command has the file descriptors 0, 1 and 2, all signals at their defaults, and no other inheritance of ours.
 *  7. A contained command is started by bubblewrap, through this program again (`--inside`, the first process of the
 *     sandbox), which tells of its start and its end itself: what bubblewrap says of it would be 128 + signal, and its own
 *     failures would be exit codes of the command's. Bubblewrap ignores what asks a command to end; SIGKILL ends it, and
 *     with the first process the kernel ends all others.
 *
 * Requests, from stdin. Integers are 32 bits, little endian; a frame is its length, without itself, and
 *   1 id lease_ms grace_ms signal stdout stderr contained uid gid i1 i2 i3 i4 argc envc, then strings ended by NUL:
 *   file, cwd, limits, judged, argv..., env...
 *                       start; the outputs are numbers of the agent's own open files; so are i1 to i4, which a contained
 *                       command's file gets as 3 to 6 (-1: none). uid, gid: who it is to be (-1: as we are).
 *                       limits: `NAME=NUMBER` of `limit_names` with blanks between
 *                       judged: HOW device inode size mtime_ns ctime_ns, what the file was that the agent judged. Another
 *                       is not started: ESTALE. HOW is `d`, by its descriptor, so that none can take its place, or `p`,
 *                       by its path, as scripts must be, which their interpreters open again. Empty: whatever is there
 *   2 id grace_ms       end it with all that it started: its signal, the grace, SIGKILL. Said again it can only be sooner
 *   3 id lease_ms       the lease is over in so many milliseconds from now
 *
 * Events, to stdout, one line each, written whole:
 *   S id pid                                     started
 *   F id errno call                              not started; nothing more comes
 *   K id signal group why wall_ms                a process group was signalled for the first time. Why: a, it was asked
 *                                                for; b, left behind; l, the lease was over; k, the keeper had gone
 *   E id code signal user_ms system_ms rss_kb    the command itself has ended; code or signal is -1
 *   G id survivors                               nothing is left of it, but for so many; nothing more comes
 *   L id survivors                               its guard was killed; the keeper has ended the rest; nothing more comes
 *
 * Leases and graces are counted on CLOCK_MONOTONIC, as the agent and the daemon do: a machine that slept has not lost
 * its leases.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { REQUESTS = 0, EVENTS = 1 };
enum { START = 1, END = 2, LEASE = 3 };
enum { KILL_MS = 5000, AGAIN_MS = 5 };
enum { FRAME_BYTES_MAX = 16 << 20, WRITE_BYTES_MAX = 2048 };
enum { INHERITED = 4, INSIDE_STATUS = 3 + INHERITED, OUT_OF_THE_WAY = 32 };
enum { START_BYTES = 4 * (12 + INHERITED) };
#define AS_WE_ARE UINT32_MAX
#define MEETING_PLACE "/mnt"
#define NEVER INT64_MAX

static int children_fd;  /* a signalfd: a child changed */
static int agent_files;  /* /proc/AGENT/fd, held open, so that it can only ever be this agent's */

static int64_t clock_ms(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t now_ms(void) { return clock_ms(CLOCK_MONOTONIC); }

static int64_t sooner(int64_t a, int64_t b) { return a < b ? a : b; }

/* Out of memory: whoever is above ends what is beneath. */
static void *grown(void *items, size_t *room, size_t needed, size_t size) {
  if (needed <= *room) return items;
  while (*room < needed) *room = *room == 0 ? 64 : *room * 2;
  items = realloc(items, *room * size);
  if (items == NULL) _exit(EXIT_FAILURE);
  return items;
}

/* ---- events ---- */

static struct { char *bytes; size_t used, room; } out;

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...) {
  char line[128];
  va_list args;
  va_start(args, format);
  size_t length = (size_t)vsnprintf(line, sizeof line, format, args);
  va_end(args);
  out.bytes = grown(out.bytes, &out.room, out.used + length, 1);
  memcpy(out.bytes + out.used, line, length);
  out.used += length;
}

/* Writes what the reader takes. Many processes write here, so each write is small enough to stay in one piece. */
static void flush(void) {
  while (out.used > 0) {
    size_t size = out.used;
    if (size > WRITE_BYTES_MAX)
      for (size = WRITE_BYTES_MAX; out.bytes[size - 1] != '\n';) size--;
    ssize_t written = write(EVENTS, out.bytes, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) return;
    /* nobody is there to read: that is no reason to leave a tree alone */
    size_t done = written < 0 ? out.used : (size_t)written;
    out.used -= done;
    memmove(out.bytes, out.bytes + done, out.used);
  }
}

/* ---- guards, as the keeper knows them; a guard knows none ---- */

struct guard { uint32_t id; pid_t pid; int control; bool spare; };
static struct { struct guard *items; size_t count, room; } guards;

static struct guard *guard_of(pid_t pid) {
  for (size_t i = 0; i < guards.count; i++)
    if (guards.items[i].pid == pid) return &guards.items[i];
  return NULL;
}

static void close_controls(void) {
  for (size_t i = 0; i < guards.count; i++) {
    close(guards.items[i].control);
    guards.items[i].control = -1;
  }
}

/* ---- the processes beneath this one ---- */

struct process { pid_t pid, parent, group; bool alive, beneath; };
static struct { struct process *items; size_t count, room; } seen;

/* False: it is gone. The name in parentheses may hold anything, so fields are counted from its end. */
static bool read_process(const char *name, struct process *p) {
  char path[300], text[512], state;
  snprintf(path, sizeof path, "/proc/%s/stat", name);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t size = read(fd, text, sizeof text - 1);
  close(fd);
  if (size <= 0) return false;
  text[size] = '\0';
  char *rest = strrchr(text, ')');
  if (rest == NULL || sscanf(rest, ") %c %d %d", &state, &p->parent, &p->group) != 3) return false;
  p->pid = atoi(name);
  p->alive = state != 'Z' && state != 'X';
  p->beneath = false;
  return true;
}

static int by_pid(const void *a, const void *b) {
  pid_t x = ((const struct process *)a)->pid, y = ((const struct process *)b)->pid;
  return (x > y) - (x < y);
}

static bool is_beneath(pid_t pid) {
  struct process key = {.pid = pid};
  struct process *p = bsearch(&key, seen.items, seen.count, sizeof key, by_pid);
  return p != NULL && p->beneath;
}

/*
 * Looks for all processes beneath this one; returns how many live. All of /proc is read, since not every kernel keeps
 * lists of children. It is no snapshot: whoever must have them all looks until waitpid knows of none.
 */
static size_t look(void) {
  DIR *proc = opendir("/proc");
  seen.count = 0;
  for (struct dirent *entry; proc != NULL && (entry = readdir(proc)) != NULL;) {
    if (!isdigit((unsigned char)entry->d_name[0])) continue;
    seen.items = grown(seen.items, &seen.room, seen.count + 1, sizeof *seen.items);
    if (read_process(entry->d_name, &seen.items[seen.count])) seen.count++;
  }
  if (proc != NULL) closedir(proc);
  qsort(seen.items, seen.count, sizeof *seen.items, by_pid);
  pid_t self = getpid();
  size_t living = 0;
  for (bool more = true; more;) {
    more = false;
    for (size_t i = 0; i < seen.count; i++) {
      struct process *p = &seen.items[i];
      if (p->beneath || !(p->parent == self ? guard_of(p->pid) == NULL : is_beneath(p->parent))) continue;
      p->beneath = more = true;
      living += p->alive;
    }
  }
  return living;
}

/* The groups that were asked to end, and those that were sent SIGKILL. */
static struct { pid_t *items; size_t count, room; } told[2];

static bool was_told(int signal, pid_t group) {
  size_t which = signal == SIGKILL;
  for (size_t i = 0; i < told[which].count; i++)
    if (told[which].items[i] == group) return true;
  return false;
}

static void note(int signal, pid_t group) {
  size_t which = signal == SIGKILL;
  told[which].items = grown(told[which].items, &told[which].room, told[which].count + 1, sizeof(pid_t));
  told[which].items[told[which].count++] = group;
}

/*
 * Signals the groups of all that lives beneath; returns how many lived. By groups, since a group cannot fork its way
 * out of a signal. Ours made all of their groups: the first process began with a session of its own, and no stranger
 * can join. Numbers of groups that end meanwhile are not given again before all others were. A guard tells its receipt;
 * the keeper has none (`why` is 0).
 */
static size_t signal_all(int signal, uint32_t id, char why) {
  size_t living = look();
  pid_t own = getpgrp();
  for (size_t i = 0; i < seen.count; i++) {
    struct process *p = &seen.items[i];
    if (!p->beneath || !p->alive) continue;
    /* a child that we forked a moment ago is still in our own group, and about to be the first of its own */
    pid_t group = p->group == own ? p->pid : p->group;
    bool is_news = !was_told(signal, group);
    /* asked once, since some take a second time for impatience; killed as often as it takes */
    if (!is_news && signal != SIGKILL) continue;
    bool sent = kill(p->group == own ? p->pid : -group, signal) == 0;
    if (!sent || !is_news) continue;
    note(signal, group);
    if (why != 0) say("K %u %d %d %c %lld\n", id, signal, group, why, (long long)clock_ms(CLOCK_REALTIME));
  }
  return living;
}

/* ---- a command becomes itself ---- */

struct start {
  uint32_t id, lease_ms, grace_ms, uid, gid;
  int signal, outputs[2], inherited[INHERITED];
  bool contained;
  char *file, *cwd, *limits, *judged, **argv, **env;
};
struct failure { int error; char call[16]; };

static _Noreturn void fail(int status, const char *call) {
  struct failure failure = {.error = errno};
  strncpy(failure.call, call, sizeof failure.call - 1);
  (void)!write(status, &failure, sizeof failure);
  _exit(EXIT_FAILURE);
}

/* What a command is asked to end with. */
static bool is_asking(int signal) {
  return signal == SIGTERM || signal == SIGINT || signal == SIGHUP || signal == SIGQUIT || signal == SIGUSR1 ||
         signal == SIGUSR2;
}

static void reset_signals(bool deaf) {
  sigset_t none;
  for (int signal = 1; signal < NSIG; signal++) {
    struct sigaction action = {.sa_handler = deaf && is_asking(signal) ? SIG_IGN : SIG_DFL};
    if (signal != SIGKILL && signal != SIGSTOP) (void)sigaction(signal, &action, NULL);
  }
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

static const struct { const char *name; int resource; } limit_names[] = {
  {"core", RLIMIT_CORE}, {"cpu_s", RLIMIT_CPU}, {"memory", RLIMIT_DATA}, {"processes", RLIMIT_NPROC},
  {"file", RLIMIT_FSIZE}, {"open_files", RLIMIT_NOFILE},
};

/* The soft limit of processor time is a SIGXCPU, which a program may answer for five seconds more. */
static bool set_limits(const char *text) {
  char name[16];
  unsigned long long value;
  for (int used; sscanf(text, " %15[a-z_]=%llu%n", name, &value, &used) == 2; text += used) {
    size_t i = 0;
    while (i < sizeof limit_names / sizeof *limit_names && strcmp(limit_names[i].name, name) != 0) i++;
    errno = EINVAL;
    if (i == sizeof limit_names / sizeof *limit_names) return false;
    struct rlimit limit, now;
    if (getrlimit(limit_names[i].resource, &now) < 0) return false;
    limit.rlim_max = (rlim_t)value + (limit_names[i].resource == RLIMIT_CPU ? 5 : 0);
    if (limit.rlim_max > now.rlim_max) limit.rlim_max = now.rlim_max; /* nobody may raise what he was given */
    limit.rlim_cur = value < limit.rlim_max ? (rlim_t)value : limit.rlim_max;
    if (setrlimit(limit_names[i].resource, &limit) < 0) return false;
  }
  return true;
}

static unsigned long long ns_of(struct timespec t) {
  return (unsigned long long)t.tv_sec * 1000000000ULL + (unsigned long long)t.tv_nsec;
}

static _Noreturn void start_program(const char *file, const char *judged, char **argv, char **env, int status) {
  char how;
  unsigned long long device, inode, size, mtime_ns, ctime_ns;
  if (sscanf(judged, "%c %llu %llu %llu %llu %llu", &how, &device, &inode, &size, &mtime_ns, &ctime_ns) == 6) {
    struct stat stat;
    int fd = open(file, O_PATH | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &stat) < 0) fail(status, "execve");
    if (stat.st_dev != device || stat.st_ino != inode || (unsigned long long)stat.st_size != size ||
        ns_of(stat.st_mtim) != mtime_ns || ns_of(stat.st_ctim) != ctime_ns) {
      errno = ESTALE;
      fail(status, "judged");
    }
    if (how == 'd') {
      syscall(SYS_execveat, fd, "", argv, env, AT_EMPTY_PATH);
      fail(status, "execve");
    }
  }
  execve(file, argv, env);
  fail(status, "execve");
}

/* One of the agent's open files. A directory is not opened to be read: it may belong to somebody else. */
static int agent_file(int number, int flags) {
  char name[16];
  snprintf(name, sizeof name, "%d", number);
  int fd = openat(agent_files, name, flags | O_NOCTTY | O_CLOEXEC);
  int high = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, OUT_OF_THE_WAY);
  if (fd >= 0) close(fd);
  return high;
}

/*
 * For a command that becomes another user: bubblewrap goes by paths, and this user may not be able to go where they lead.
 * So what it is given is put where anybody can go, in a mount namespace that nobody else sees: MEETING_PLACE/3 to 6.
 */
static bool meet(const int inherited[INHERITED]) {
  int trees[INHERITED];
  char to[32];
  struct stat stat;
  /* before: what belongs to another mount namespace cannot be bound */
  for (int i = 0; i < INHERITED; i++) {
    const unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE;
    trees[i] = inherited[i] < 0 ? -1 : (int)syscall(SYS_open_tree, inherited[i], "", flags);
    if (inherited[i] >= 0 && trees[i] < 0) return false;
  }
  if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
      mount("none", MEETING_PLACE, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") < 0)
    return false;
  for (int i = 0; i < INHERITED; i++) {
    if (inherited[i] < 0) continue;
    snprintf(to, sizeof to, MEETING_PLACE "/%d", 3 + i);
    if (fstat(inherited[i], &stat) < 0) return false;
    int made = S_ISDIR(stat.st_mode) ? mkdir(to, 0755) : mknod(to, S_IFREG | 0644, 0);
    if (made < 0 || syscall(SYS_move_mount, trees[i], "", AT_FDCWD, to, MOVE_MOUNT_F_EMPTY_PATH) < 0) return false;
  }
  return true;
}

/* Every descriptor but those meant for it is closed by execve: no other is open without O_CLOEXEC. */
static _Noreturn void become(const struct start *s, pid_t guard, int status, int inside) {
  int inherited[INHERITED];
  setsid();
  status = fcntl(status, F_DUPFD_CLOEXEC, OUT_OF_THE_WAY);
  agent_files = fcntl(agent_files, F_DUPFD_CLOEXEC, OUT_OF_THE_WAY);
  if (inside >= 0) inside = fcntl(inside, F_DUPFD_CLOEXEC, OUT_OF_THE_WAY);
  for (int i = 0; i < 2; i++) {
    int fd = agent_file(s->outputs[i], O_WRONLY | O_APPEND);
    if (fd < 0 || dup2(fd, 1 + i) < 0) fail(status, i == 0 ? "stdout" : "stderr");
  }
  for (int i = 0; i < INHERITED; i++) {
    inherited[i] = s->inherited[i] < 0 ? -1 : agent_file(s->inherited[i], O_PATH);
    if (s->inherited[i] >= 0 && inherited[i] < 0) fail(status, "inherit");
  }
  for (int i = 0; i < INHERITED; i++)
    if (inherited[i] >= 0 && dup2(inherited[i], 3 + i) < 0) fail(status, "inherit");
  if (inside >= 0 && dup2(inside, INSIDE_STATUS) < 0) fail(status, "inherit");
  if (!set_limits(s->limits)) fail(status, "setrlimit");
  if (s->uid != AS_WE_ARE && s->contained && !meet(inherited)) fail(status, "mount");
  if (s->uid != AS_WE_ARE &&
      (setgroups(0, NULL) < 0 || setresgid(s->gid, s->gid, s->gid) < 0 || setresuid(s->uid, s->uid, s->uid) < 0))
    fail(status, "setuid");
  prctl(PR_SET_PDEATHSIG, SIGKILL); /* a change of the user takes it back, so it comes after */
  if (getppid() != guard) _exit(EXIT_FAILURE);
  if (chdir(s->cwd) < 0) fail(status, "chdir");
  reset_signals(s->contained);
  start_program(s->file, s->judged, s->argv, s->env, status);
}

/* ---- the first process of a sandbox ---- */

/* What it says to its guard. `S`: started. `F`: not started, error, call. `E`: ended. */
struct word_inside { int32_t kind, error, code, signal, user_ms, system_ms, rss_kb, is_empty; char call[16]; };

static long ms_of(struct timeval t) { return t.tv_sec * 1000L + t.tv_usec / 1000; }

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#endif

/*
 * System calls that no build or test needs, and that kernels' own flaws were reached through: another's memory, mounts and
 * namespaces, modules, keys, io_uring, input put into a terminal, sockets that no network namespace holds. They fail as
 * if the kernel did not have them or would not let this user.
 */
static bool filter_calls(void) {
#ifdef ARCH
  static const struct { int call, error; } refused[] = {
    {SYS_ptrace, EPERM}, {SYS_process_vm_readv, EPERM}, {SYS_process_vm_writev, EPERM}, {SYS_kcmp, EPERM},
    {SYS_pidfd_getfd, EPERM}, {SYS_mount, EPERM}, {SYS_umount2, EPERM}, {SYS_pivot_root, EPERM}, {SYS_chroot, EPERM},
    {SYS_move_mount, EPERM}, {SYS_open_tree, EPERM}, {SYS_fsopen, EPERM}, {SYS_fsconfig, EPERM}, {SYS_fsmount, EPERM},
    {SYS_fspick, EPERM}, {SYS_mount_setattr, EPERM}, {SYS_setns, EPERM}, {SYS_unshare, EPERM},
    {SYS_init_module, EPERM}, {SYS_finit_module, EPERM}, {SYS_delete_module, EPERM}, {SYS_kexec_load, EPERM},
    {SYS_kexec_file_load, EPERM}, {SYS_bpf, EPERM}, {SYS_perf_event_open, EPERM}, {SYS_userfaultfd, EPERM},
    {SYS_keyctl, EPERM}, {SYS_add_key, EPERM}, {SYS_request_key, EPERM}, {SYS_io_uring_setup, ENOSYS},
    {SYS_io_uring_enter, ENOSYS}, {SYS_io_uring_register, ENOSYS}, {SYS_swapon, EPERM}, {SYS_swapoff, EPERM},
    {SYS_reboot, EPERM}, {SYS_acct, EPERM}, {SYS_quotactl, EPERM}, {SYS_settimeofday, EPERM},
    {SYS_clock_settime, EPERM}, {SYS_syslog, EPERM}, {SYS_open_by_handle_at, EPERM}, {SYS_vhangup, EPERM},
  };
  enum { CALLS = sizeof refused / sizeof *refused };
  struct sock_filter code[32 + 2 * CALLS];
  size_t n = 0;
#define EMIT(...) code[n++] = (struct sock_filter)__VA_ARGS__
#define LOAD(field) EMIT(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field)))
#define REFUSE_IF(value, errno_) \
  do { \
    EMIT(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), 0, 1)); \
    EMIT(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (errno_))); \
  } while (0)
  LOAD(arch);
  EMIT(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0));
  EMIT(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
  LOAD(nr);
#ifdef __x86_64__
  /* the other way to call a 64-bit kernel, by numbers that the list does not have */
  EMIT(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1));
  EMIT(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS));
#endif
  for (size_t i = 0; i < CALLS; i++) REFUSE_IF(refused[i].call, refused[i].error);
  EMIT(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 6));
  LOAD(args[1]); /* the low half: the kernel looks at no more of it */
  REFUSE_IF(TIOCSTI, EPERM);
  REFUSE_IF(TIOCLINUX, EPERM);
  EMIT(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  EMIT(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 5));
  LOAD(args[0]);
  REFUSE_IF(AF_VSOCK, EAFNOSUPPORT);
  REFUSE_IF(AF_ALG, EAFNOSUPPORT);
  EMIT(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  struct sock_fprog filter = {.len = (unsigned short)n, .filter = code};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
#else
  errno = ENOSYS;
  return false;
#endif
}

static void say_inside(struct word_inside word) { (void)!write(INSIDE_STATUS, &word, sizeof word); }

/* Not started. */
static int refuse_inside(int error, const char *call) {
  struct word_inside word = {.kind = 'F', .error = error};
  strncpy(word.call, call, sizeof word.call - 1);
  say_inside(word);
  return EXIT_FAILURE;
}

/* What the command is to have, by names that begin with `+`: bubblewrap, which is outside, must not take it for its own. */
static char **command_environment(void) {
  size_t count = 0, n = 0;
  while (environ[count] != NULL) count++;
  char **env = calloc(count + 1, sizeof *env);
  for (size_t i = 0; env != NULL && i < count; i++)
    if (environ[i][0] == '+') env[n++] = environ[i] + 1;
  return env;
}

/*
 * LIMITS JUDGED FILE ARGV...: runs it, and stays until nothing else is left in the sandbox. What runs here cannot look into this
 * process, nor speak in its place: it is not dumpable, so /proc/1/fd and /proc/1/mem are closed, and no call gets further
 * from here than from there.
 */
static int inside(char **words) {
  int status[2];
  struct failure failure;
  struct rusage usage;
  for (int fd = 3; fd < INSIDE_STATUS; fd++) close(fd);
  if (syscall(SYS_close_range, INSIDE_STATUS + 1U, ~0U, 0) < 0)
    for (int fd = INSIDE_STATUS + 1; fd < 1 << 16; fd++) close(fd);
  char **env = command_environment();
  if (env == NULL || prctl(PR_SET_DUMPABLE, 0) < 0 || fcntl(INSIDE_STATUS, F_SETFD, FD_CLOEXEC) < 0 ||
      pipe2(status, O_CLOEXEC) < 0)
    return EXIT_FAILURE;
  if (!filter_calls()) return refuse_inside(errno, "seccomp");
  pid_t command = fork();
  if (command == 0) {
    setsid();
    reset_signals(false);
    if (!set_limits(words[0])) fail(status[1], "setrlimit");
    start_program(words[2], words[1], words + 3, env, status[1]);
  }
  close(status[1]);
  if (command < 0) return refuse_inside(errno, "fork");
  if (read(status[0], &failure, sizeof failure) == sizeof failure) return refuse_inside(failure.error, failure.call);
  close(status[0]);
  say_inside((struct word_inside){.kind = 'S'});
  for (int end;;) {
    pid_t pid = wait4(-1, &end, 0, &usage);
    if (pid < 0 && errno == ECHILD) return EXIT_SUCCESS;
    if (pid != command) continue;
    while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) continue;
    say_inside((struct word_inside){
      .kind = 'E', .code = WIFEXITED(end) ? WEXITSTATUS(end) : -1, .signal = WIFSIGNALED(end) ? WTERMSIG(end) : -1,
      .user_ms = (int32_t)ms_of(usage.ru_utime), .system_ms = (int32_t)ms_of(usage.ru_stime),
      .rss_kb = (int32_t)usage.ru_maxrss, .is_empty = pid < 0,
    });
  }
}

/* ---- a guard ---- */

static struct {
  uint32_t id, grace_ms;
  pid_t command;
  int signal;                   /* what it is asked to end with */
  int control, status, inside;  /* -1: at their end */
  bool contained, started, failed, exited, alone;
  char why;                     /* of the ending that is under way */
  int64_t lease_at, kill_at, give_up_at;
  int64_t left_at;              /* when what is still there counts as left behind by the command */
} it;

/* Ends all that is beneath. Said again it can only be sooner. Before the command is itself there is nothing to ask. */
static void end_all(uint32_t grace_ms, char why) {
  bool first = it.kill_at == NEVER;
  int64_t at = now_ms() + (it.started ? grace_ms : 0);
  if (at >= it.kill_at) return;
  it.kill_at = at;
  it.why = why;
  if (first && it.started && grace_ms > 0) signal_all(it.signal, it.id, why);
}

static void has_started(void) {
  it.started = true;
  say("S %u %d\n", it.id, it.command);
}

static void has_failed(int error, const char *call) {
  it.failed = true;
  say("F %u %d %s\n", it.id, error, call);
}

/* A sandbox without another process in it goes by itself, and soon. */
static void has_ended(int code, int signal, long user_ms, long system_ms, long rss_kb, bool goes_by_itself) {
  it.exited = true;
  it.left_at = now_ms() + (goes_by_itself ? KILL_MS : 0);
  say("E %u %d %d %ld %ld %ld\n", it.id, code, signal, user_ms, system_ms, rss_kb);
}

/* The pipe closes when execve succeeds, or with the process. */
static void hear_status(void) {
  struct failure failure;
  if (it.status < 0) return;
  ssize_t size = read(it.status, &failure, sizeof failure);
  if (size < 0) return;
  close(it.status);
  it.status = -1;
  if (size == sizeof failure) has_failed(failure.error, failure.call);
  else if (!it.contained) has_started();
}

/* Of a contained command; what bubblewrap says of itself stands in the command's stderr. */
static void hear_inside(void) {
  struct word_inside word;
  ssize_t size = -1;
  while (it.inside >= 0 && (size = read(it.inside, &word, sizeof word)) == sizeof word) {
    word.call[sizeof word.call - 1] = '\0';
    if (it.failed || it.exited) continue;
    if (word.kind == 'S') has_started();
    else if (word.kind == 'F') has_failed(word.error, word.call);
    else has_ended(word.code, word.signal, word.user_ms, word.system_ms, word.rss_kb, word.is_empty);
  }
  if (it.inside < 0 || size < 0) return;
  close(it.inside);
  it.inside = -1;
  if (!it.started && !it.failed) has_failed(0, "sandbox");
}

static void hear_keeper(void) {
  uint32_t words[2];
  ssize_t size;
  while ((size = read(it.control, words, sizeof words)) == sizeof words) {
    if (words[0] == END) end_all(words[1], 'a');
    else it.lease_at = now_ms() + words[1];
  }
  if (size != 0) return;
  close(it.control);
  it.control = -1;
  end_all(0, 'k');
}

static void reap(void) {
  struct signalfd_siginfo info;
  struct rusage usage;
  int status;
  pid_t pid;
  while (read(children_fd, &info, sizeof info) > 0) continue;
  while ((pid = wait4(-1, &status, WNOHANG, &usage)) > 0) {
    if (pid != it.command) continue;
    hear_status(); /* it was closed before the command could end */
    hear_inside();
    if (it.contained && !it.started && !it.failed) has_failed(0, "sandbox");
    if (it.failed) it.exited = true;
    if (it.exited) continue;
    if (!it.contained)
      has_ended(WIFEXITED(status) ? WEXITSTATUS(status) : -1, WIFSIGNALED(status) ? WTERMSIG(status) : -1,
                ms_of(usage.ru_utime), ms_of(usage.ru_stime), usage.ru_maxrss, false);
    /* its sandbox was ended from outside, and nobody inside could say more */
    else has_ended(-1, it.give_up_at == NEVER ? -1 : SIGKILL, 0, 0, 0, false);
  }
  it.alone = pid < 0 && errno == ECHILD;
}

static _Noreturn void leave(size_t survivors) {
  if (!it.failed) say("G %u %zu\n", it.id, survivors);
  for (flush(); out.used > 0; flush()) poll(&(struct pollfd){.fd = EVENTS, .events = POLLOUT}, 1, -1);
  _exit(EXIT_SUCCESS);
}

static _Noreturn void guard_command(const struct start *s, int control) {
  int status[2], inside[2] = {-1, -1}, null = open("/dev/null", O_RDWR | O_CLOEXEC);
  pid_t self = getpid();
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  if (null < 0 || dup2(null, 0) < 0 || pipe2(status, O_CLOEXEC | O_NONBLOCK) < 0) goto failed;
  if (s->contained && pipe2(inside, O_CLOEXEC | O_NONBLOCK) < 0) goto failed;
  close(null);
  it.id = s->id;
  it.grace_ms = s->grace_ms;
  it.signal = s->signal;
  it.control = control;
  it.lease_at = now_ms() + s->lease_ms;
  it.kill_at = it.give_up_at = it.left_at = NEVER;
  it.contained = s->contained;
  it.command = fork();
  if (it.command < 0) goto failed;
  if (it.command == 0) become(s, self, status[1], inside[1]);
  close(status[1]);
  if (inside[1] >= 0) close(inside[1]);
  it.status = status[0];
  it.inside = inside[0];
  for (;;) {
    int64_t now = now_ms(), next = sooner(it.lease_at, it.kill_at);
    if (now >= it.lease_at) {
      it.lease_at = NEVER;
      end_all(it.grace_ms, 'l');
      continue;
    }
    if (now >= it.kill_at) {
      if (it.give_up_at == NEVER) it.give_up_at = now + KILL_MS;
      size_t living = signal_all(SIGKILL, it.id, it.why);
      if (now >= it.give_up_at) leave(living);
      next = now + AGAIN_MS;
    }
    if (now >= it.left_at) {
      it.left_at = NEVER;
      end_all(it.grace_ms, 'b');
      continue;
    }
    next = sooner(next, it.left_at);
    flush();
    struct pollfd fds[] = {
      {.fd = children_fd, .events = POLLIN},
      {.fd = it.control, .events = POLLIN},
      {.fd = it.status, .events = POLLIN},
      {.fd = it.inside, .events = POLLIN},
      {.fd = out.used > 0 ? EVENTS : -1, .events = POLLOUT},
    };
    int64_t wait = next == NEVER ? -1 : next - now;
    poll(fds, sizeof fds / sizeof *fds, (int)sooner(wait, 1 << 30));
    if (fds[2].revents != 0) hear_status();
    if (fds[3].revents != 0) hear_inside();
    if (fds[1].revents != 0) hear_keeper();
    if (fds[0].revents != 0) reap();
    if (it.exited && it.alone) leave(0);
  }
failed:
  say("F %u %d fork\n", s->id, errno);
  it.failed = true;
  leave(0);
}

/* ---- the keeper ---- */

static uint32_t word(const unsigned char *p) { return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24; }

/* Splits the strings of a request in place. False: it is none of ours. */
static bool read_start(unsigned char *frame, size_t size, struct start *s) {
  if (size < START_BYTES) return false;
  uint32_t argc = word(frame + 56), envc = word(frame + 60);
  *s = (struct start){
    .id = word(frame + 4), .lease_ms = word(frame + 8), .grace_ms = word(frame + 12),
    .signal = (int)word(frame + 16), .outputs = {(int)word(frame + 20), (int)word(frame + 24)},
    .contained = word(frame + 28) != 0, .uid = word(frame + 32), .gid = word(frame + 36),
  };
  for (size_t i = 0; i < INHERITED; i++) s->inherited[i] = (int)word(frame + 40 + 4 * i);
  if (s->signal <= 0 || s->signal >= NSIG) return false;
  if (argc > size || envc > size || frame[size - 1] != '\0') return false;
  char **strings = calloc((size_t)argc + envc + 6, sizeof *strings);
  if (strings == NULL) return false;
  char *at = (char *)frame + START_BYTES, *end = (char *)frame + size;
  s->argv = strings;
  s->env = strings + argc + 1;
  for (size_t i = 0; i < (size_t)argc + envc + 4; i++) {
    if (at >= end) return false;
    if (i == 0) s->file = at;
    else if (i == 1) s->cwd = at;
    else if (i == 2) s->limits = at;
    else if (i == 3) s->judged = at;
    else if (i < argc + 4) s->argv[i - 4] = at;
    else s->env[i - 4 - argc] = at;
    at += strlen(at) + 1;
  }
  return at == end;
}

/* A guard that was forked ahead: waits for its command, or for the end of its keeper. */
static _Noreturn void stand_by(int control) {
  unsigned char frame[PIPE_BUF];
  struct start s;
  poll(&(struct pollfd){.fd = control, .events = POLLIN}, 1, -1);
  if (read(control, frame, 4) != 4) _exit(EXIT_SUCCESS);
  size_t length = word(frame);
  if (read(control, frame + 4, length) != (ssize_t)length || !read_start(frame + 4, length, &s)) _exit(EXIT_FAILURE);
  guard_command(&s, control);
}

/* Forks a guard of a command, or for the next one (NULL). False, with errno: it could not. */
static bool fork_guard(const struct start *s) {
  int control[2];
  if (pipe2(control, O_CLOEXEC | O_NONBLOCK) < 0) return false;
  pid_t pid = fork();
  if (pid == 0) {
    /* a guard that held another's control would hide from it that the keeper has gone */
    close_controls();
    close(control[1]);
    guards.count = out.used = 0;
    prctl(PR_SET_NAME, "keeper-guard");
    if (s == NULL) stand_by(control[0]);
    guard_command(s, control[0]);
  }
  int error = errno;
  close(control[0]);
  if (pid < 0) {
    close(control[1]);
    errno = error;
    return false;
  }
  guards.items = grown(guards.items, &guards.room, guards.count + 1, sizeof *guards.items);
  guards.items[guards.count++] =
    (struct guard){.id = s == NULL ? 0 : s->id, .pid = pid, .control = control[1], .spare = s == NULL};
  return true;
}

static struct guard *spare_guard(void) {
  for (size_t i = 0; i < guards.count; i++)
    if (guards.items[i].spare) return &guards.items[i];
  return NULL;
}

/* By the guard that stands by, if there is one and its pipe takes the request in one piece. */
static void start(const struct start *s, const unsigned char *frame, size_t length) {
  struct guard *g = length + 4 <= PIPE_BUF ? spare_guard() : NULL;
  if (g != NULL && write(g->control, frame, length + 4) == (ssize_t)length + 4) {
    g->id = s->id;
    g->spare = false;
  } else if (!fork_guard(s)) say("F %u %d fork\n", s->id, errno);
}

/* To the guard, unless it has gone. One that does not read any more does not guard any more. */
static void relay(uint32_t kind, uint32_t id, uint32_t value) {
  for (size_t i = 0; i < guards.count; i++) {
    if (guards.items[i].spare || guards.items[i].id != id) continue;
    ssize_t written = write(guards.items[i].control, (uint32_t[]){kind, value}, 8);
    if (written < 0 && errno == EAGAIN) kill(guards.items[i].pid, SIGKILL);
    return;
  }
}

static struct { unsigned char *bytes; size_t used, room; } in;

/* False: the agent has gone, or does not speak as agreed. */
static bool hear_agent(void) {
  in.bytes = grown(in.bytes, &in.room, in.used + 65536, 1);
  ssize_t size = read(REQUESTS, in.bytes + in.used, in.room - in.used);
  if (size < 0) return errno == EAGAIN || errno == EINTR;
  if (size == 0) return false;
  in.used += (size_t)size;
  size_t at = 0;
  while (in.used - at >= 4) {
    size_t length = word(in.bytes + at);
    unsigned char *frame = in.bytes + at + 4;
    if (length < 12 || length > FRAME_BYTES_MAX) return false;
    if (in.used - at - 4 < length) break;
    if (word(frame) == START) {
      struct start s;
      if (!read_start(frame, length, &s)) return false;
      start(&s, frame - 4, length);
      free(s.argv);
    } else relay(word(frame), word(frame + 4), word(frame + 8));
    at += 4 + length;
  }
  in.used -= at;
  memmove(in.bytes, in.bytes + at, in.used);
  return true;
}

/* Commands whose guards were killed, and until when what they left behind is looked after. */
static struct { uint32_t *items; size_t count, room; } lost;
static int64_t strays_until;

/* Guards do not leave before they are alone, so whatever else is a child of ours has lost its guard. */
static void reap_guards(void) {
  struct signalfd_siginfo info;
  int status;
  pid_t pid;
  while (read(children_fd, &info, sizeof info) > 0) continue;
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
    struct guard *g = guard_of(pid);
    if (g == NULL) continue;
    if (!g->spare && (!WIFEXITED(status) || WEXITSTATUS(status) != EXIT_SUCCESS)) {
      lost.items = grown(lost.items, &lost.room, lost.count + 1, sizeof *lost.items);
      lost.items[lost.count++] = g->id;
      strays_until = now_ms() + KILL_MS;
    }
    close(g->control);
    *g = guards.items[--guards.count];
  }
}

/* Ends what killed guards left behind, and tells of it. */
static void end_strays(void) {
  if (lost.count == 0) return;
  size_t living = signal_all(SIGKILL, 0, 0);
  if (living > 0 && now_ms() < strays_until) return;
  for (size_t i = 0; i < lost.count; i++) say("L %u %zu\n", lost.items[i], living);
  lost.count = 0;
}

/* The agent has gone: guards see it by their controls. */
static void end_everything(void) {
  close_controls();
  for (int64_t until = now_ms() + 2 * KILL_MS; now_ms() < until;) {
    reap_guards();
    end_strays();
    if (guards.count == 0 && lost.count == 0) return;
    poll(&(struct pollfd){.fd = children_fd, .events = POLLIN}, 1, AGAIN_MS);
  }
}

/* False: this machine cannot keep what a keeper promises. */
static bool set_up(pid_t agent) {
  char path[32];
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  /* a signal to everything in a terminal, or in a service, is for the agent to answer, and it ends us */
  const int ignored[] = {SIGPIPE, SIGHUP, SIGINT, SIGQUIT, SIGTERM};
  for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
    sigaction(ignored[i], &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
  sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
  sigprocmask(SIG_SETMASK, &child, NULL);
  if (syscall(SYS_close_range, 3U, ~0U, 0) < 0)
    for (int fd = 3; fd < 1 << 16; fd++) close(fd);
  snprintf(path, sizeof path, "/proc/%d/fd", (int)agent);
  agent_files = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  children_fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
  struct process self;
  snprintf(path, sizeof path, "%d", (int)getpid());
  return agent_files >= 0 && children_fd >= 0 && prctl(PR_SET_CHILD_SUBREAPER, 1) == 0 && read_process(path, &self) &&
         self.parent == agent;
}

int main(int argc, char **argv) {
  if (argc >= 6 && strcmp(argv[1], "--inside") == 0) return inside(argv + 2);
  if (argc != 2) {
    fputs("usage: keeper --probe | keeper AGENT_PID (requests on stdin, events on stdout)\n"
          "       keeper --inside LIMITS JUDGED FILE ARGV... (in a sandbox)\n", stderr);
    return 2;
  }
  bool probe = strcmp(argv[1], "--probe") == 0;
  if (!set_up(probe ? getppid() : atoi(argv[1]))) return EXIT_FAILURE;
  if (probe) return EXIT_SUCCESS;
  fcntl(REQUESTS, F_SETFL, O_NONBLOCK);
  fcntl(EVENTS, F_SETFL, O_NONBLOCK);
  for (;;) {
    flush();
    struct pollfd fds[] = {
      {.fd = REQUESTS, .events = POLLIN},
      {.fd = children_fd, .events = POLLIN},
      {.fd = out.used > 0 ? EVENTS : -1, .events = POLLOUT},
    };
    poll(fds, 3, lost.count > 0 ? AGAIN_MS : -1);
    if (fds[0].revents != 0 && !hear_agent()) break;
    if (fds[1].revents != 0) {
      reap_guards();
      if (spare_guard() == NULL) (void)fork_guard(NULL);
    }
    end_strays();
  }
  end_everything();
  return EXIT_SUCCESS;
}
