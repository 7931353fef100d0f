/*
 * The keeper starts an agent's commands and sees to it that nothing outlives them. One keeper per agent:
 *
 *   agent -- requests --> keeper -+- guard - command - whatever the command starts
 *     ^                           +- guard - command - ...
 *     +--------- events ----------+--+
 *
 * The keeper forks a guard for each command; the guard is a subreaper, so every process beneath it stays beneath it,
 * also one that has left its group, its session and its parents. Both are small, so a fork costs little, and the
 * agent's own thread is not blocked by it.
 *
 * Invariants
 *  1. A guard ends when nothing lives beneath it, or when SIGKILL has been tried for KILL_MS and the survivors are told.
 *  2. A guard outlives neither its keeper nor a keeper its agent: each sees the end of a pipe that only the other holds,
 *     whatever it died of, and then ends what is beneath it with SIGKILL. What is beneath a guard that was killed falls
 *     to the keeper, a subreaper too. Only where both are killed in one moment PDEATHSIG is left, for the command alone.
 *  3. A command whose lease is over is ended, also where its agent is stopped and cannot say so.
 *  4. No guard waits for anybody: a reader that does not read, a file system that hangs and a command that does not
 *     die all leave it its deadlines.
 *  5. A program is started by execve alone. What the system does not take for a program is an error, never a script
 *     for a shell. A start that failed is told as such, with its errno: no exit code of a command means it.
 *  6. A command has the file descriptors 0, 1 and 2, all signals at their defaults, and no other inheritance of ours.
 *
 * Requests, from stdin. Integers are 32 bits, little endian; a frame is its length, without itself, and
 *   1 id lease_ms grace_ms signal stdout stderr argc envc, then strings ended by NUL: file, cwd, argv..., env...
 *                       start; the two outputs are numbers of the agent's own open files
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
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { REQUESTS = 0, EVENTS = 1 };
enum { START = 1, END = 2, LEASE = 3 };
enum { KILL_MS = 5000, AGAIN_MS = 5 };
enum { FRAME_BYTES_MAX = 16 << 20, WRITE_BYTES_MAX = 2048 };
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

struct guard { uint32_t id; pid_t pid; int control; };
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

struct start { uint32_t id, lease_ms, grace_ms; int signal, outputs[2]; char *file, *cwd, **argv, **env; };
struct failure { int error; char call[16]; };

static _Noreturn void fail(int status, const char *call) {
  struct failure failure = {.error = errno};
  strncpy(failure.call, call, sizeof failure.call - 1);
  (void)!write(status, &failure, sizeof failure);
  _exit(EXIT_FAILURE);
}

/* Every descriptor but the three is closed by execve: none is opened without O_CLOEXEC. */
static _Noreturn void become(const struct start *s, pid_t guard, int status) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != guard) _exit(EXIT_FAILURE);
  setsid();
  for (int i = 0; i < 2; i++) {
    char number[16];
    snprintf(number, sizeof number, "%d", s->outputs[i]);
    int fd = openat(agent_files, number, O_WRONLY | O_APPEND | O_NOCTTY);
    if (fd < 0 || dup2(fd, 1 + i) < 0) fail(status, i == 0 ? "stdout" : "stderr");
    close(fd);
  }
  if (chdir(s->cwd) < 0) fail(status, "chdir");
  for (int signal = 1; signal < NSIG; signal++)
    if (signal != SIGKILL && signal != SIGSTOP) (void)sigaction(signal, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  execve(s->file, s->argv, s->env);
  fail(status, "execve");
}

/* ---- a guard ---- */

static struct {
  uint32_t id, grace_ms;
  pid_t command;
  int signal;           /* what it is asked to end with */
  int control, status;  /* -1: at their end */
  bool started, failed, exited, alone;
  char why;             /* of the ending that is under way */
  int64_t lease_at, kill_at, give_up_at;
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

/* The pipe closes when execve succeeds, or with the process. */
static void hear_status(void) {
  struct failure failure;
  if (it.status < 0) return;
  ssize_t size = read(it.status, &failure, sizeof failure);
  if (size < 0) return;
  close(it.status);
  it.status = -1;
  it.failed = size == sizeof failure;
  it.started = !it.failed;
  if (it.failed) say("F %u %d %s\n", it.id, failure.error, failure.call);
  else say("S %u %d\n", it.id, it.command);
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

static long ms_of(struct timeval t) { return t.tv_sec * 1000L + t.tv_usec / 1000; }

static void reap(void) {
  struct signalfd_siginfo info;
  struct rusage usage;
  int status;
  pid_t pid;
  while (read(children_fd, &info, sizeof info) > 0) continue;
  while ((pid = wait4(-1, &status, WNOHANG, &usage)) > 0) {
    if (pid != it.command) continue;
    hear_status(); /* it was closed before the command could end */
    it.exited = true;
    if (it.failed) continue;
    say("E %u %d %d %ld %ld %ld\n", it.id, WIFEXITED(status) ? WEXITSTATUS(status) : -1,
        WIFSIGNALED(status) ? WTERMSIG(status) : -1, ms_of(usage.ru_utime), ms_of(usage.ru_stime), usage.ru_maxrss);
  }
  it.alone = pid < 0 && errno == ECHILD;
}

static _Noreturn void leave(size_t survivors) {
  if (!it.failed) say("G %u %zu\n", it.id, survivors);
  for (flush(); out.used > 0; flush()) poll(&(struct pollfd){.fd = EVENTS, .events = POLLOUT}, 1, -1);
  _exit(EXIT_SUCCESS);
}

static _Noreturn void guard_command(const struct start *s, int control) {
  int status[2], null = open("/dev/null", O_RDWR | O_CLOEXEC);
  pid_t self = getpid();
  prctl(PR_SET_NAME, "keeper-guard");
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  if (null < 0 || dup2(null, 0) < 0 || pipe2(status, O_CLOEXEC | O_NONBLOCK) < 0) goto failed;
  close(null);
  it.id = s->id;
  it.grace_ms = s->grace_ms;
  it.signal = s->signal;
  it.control = control;
  it.lease_at = now_ms() + s->lease_ms;
  it.kill_at = it.give_up_at = NEVER;
  it.command = fork();
  if (it.command < 0) goto failed;
  if (it.command == 0) become(s, self, status[1]);
  close(status[1]);
  it.status = status[0];
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
    flush();
    struct pollfd fds[] = {
      {.fd = children_fd, .events = POLLIN},
      {.fd = it.control, .events = POLLIN},
      {.fd = it.status, .events = POLLIN},
      {.fd = out.used > 0 ? EVENTS : -1, .events = POLLOUT},
    };
    int64_t wait = next == NEVER ? -1 : next - now;
    poll(fds, 4, (int)sooner(wait, 1 << 30));
    if (fds[2].revents != 0) hear_status();
    if (fds[1].revents != 0) hear_keeper();
    if (fds[0].revents != 0) reap();
    if (it.exited && it.alone) leave(0);
    if (it.exited) end_all(it.grace_ms, 'b');
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
  if (size < 36) return false;
  uint32_t argc = word(frame + 28), envc = word(frame + 32);
  *s = (struct start){
    .id = word(frame + 4), .lease_ms = word(frame + 8), .grace_ms = word(frame + 12),
    .signal = (int)word(frame + 16), .outputs = {(int)word(frame + 20), (int)word(frame + 24)},
  };
  if (s->signal <= 0 || s->signal >= NSIG) return false;
  if (argc > size || envc > size || frame[size - 1] != '\0') return false;
  char **strings = calloc((size_t)argc + envc + 4, sizeof *strings);
  if (strings == NULL) return false;
  char *at = (char *)frame + 36, *end = (char *)frame + size;
  s->argv = strings;
  s->env = strings + argc + 1;
  for (size_t i = 0; i < (size_t)argc + envc + 2; i++) {
    if (at >= end) return false;
    if (i == 0) s->file = at;
    else if (i == 1) s->cwd = at;
    else if (i < argc + 2) s->argv[i - 2] = at;
    else s->env[i - 2 - argc] = at;
    at += strlen(at) + 1;
  }
  return at == end;
}

static void start(const struct start *s) {
  int control[2] = {-1, -1};
  pid_t pid = pipe2(control, O_CLOEXEC | O_NONBLOCK) < 0 ? -1 : fork();
  if (pid == 0) {
    /* a guard that held another's control would hide from it that the keeper has gone */
    close_controls();
    close(control[1]);
    guards.count = out.used = 0;
    guard_command(s, control[0]);
  }
  if (pid < 0) say("F %u %d fork\n", s->id, errno);
  close(control[0]);
  if (pid < 0) {
    close(control[1]);
    return;
  }
  guards.items = grown(guards.items, &guards.room, guards.count + 1, sizeof *guards.items);
  guards.items[guards.count++] = (struct guard){.id = s->id, .pid = pid, .control = control[1]};
}

/* To the guard, unless it has gone. One that does not read any more does not guard any more. */
static void relay(uint32_t kind, uint32_t id, uint32_t value) {
  for (size_t i = 0; i < guards.count; i++) {
    if (guards.items[i].id != id) continue;
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
      start(&s);
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
    if (!WIFEXITED(status) || WEXITSTATUS(status) != EXIT_SUCCESS) {
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
  if (argc != 2) {
    fputs("usage: keeper --probe | keeper AGENT_PID (requests on stdin, events on stdout)\n", stderr);
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
    if (fds[1].revents != 0) reap_guards();
    end_strays();
    if (fds[0].revents != 0 && !hear_agent()) break;
  }
  end_everything();
  return EXIT_SUCCESS;
}
