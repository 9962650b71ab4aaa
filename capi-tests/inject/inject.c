/* Two sockets exchange numbered messages while system calls fail, as a seed says; then the calls work again, and so must
   the sockets.

   inject SEED [MASK [RATE]]: exits with 0 if all is well; says what isn't, with the last calls that failed, and exits with 1.
   With 2 if nothing could be tested. */
#define _GNU_SOURCE
#include "faults.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

enum { PUSH_PULL, REQ_REP, PUB_SUB, DEALER_ROUTER };
static const char *const patterns[] = {"PUSH/PULL", "REQ/REP", "PUB/SUB", "DEALER/ROUTER"};
static const char *const transports[] = {"tcp", "ipc", "inproc"};

enum {
    FAULTY = 120,     /* how long calls fail, in ms */
    FLOWS = 10000,    /* how long it may take until messages flow again, in ms: seconds, when all is well */
    WATCH = 40,       /* how long all of it may take, in s */
    IDLE = 150,       /* how long is waited for, in ms, to see whether anything spins, */
    IDLE_CPU = 60,    /* and how much processor time that may take, in ms */
    MOST_FAULTS = 20000, /* a call that fails is not tried more often than this in the time FAULTY */
    MESSAGES = 1 << 20,
    LONGEST = 70000,
    TOPICS = 100,     /* that are subscribed to */
};

static int pattern, transport, encrypts;
static unsigned long long seed;
static unsigned mask, rate;
static void *context, *sender, *receiver;
static atomic_int stop, going;
static atomic_uint sent, fresh, arrived;
static const char *volatile stage = "begin";
static unsigned char seen[MESSAGES];

static double now (void)
{
    struct timespec t;
    clock_gettime (CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec * 1e3 + (double) t.tv_nsec / 1e6;
}

static double processor (void)
{
    struct rusage u;
    getrusage (RUSAGE_SELF, &u);
    return (double) (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e3 + (double) (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e3;
}

static void pause_us (long us)
{
    struct timespec t = {us / 1000000, us % 1000000 * 1000};
    nanosleep (&t, NULL);
}

/* The verdict. Whatever the other threads do, it is told once. */
static void verdict (int code, const char *format, ...)
{
    static atomic_int told;
    if (atomic_exchange (&told, 1))
        for (;;)
            pause ();
    faults_disarm ();
    faults_exempt (1);
    va_list list;
    va_start (list, format);
    printf ("seed %llu, %s over %s%s, faults of %s (%#x), one in %u, %ld of them: ", seed, patterns[pattern],
            transports[transport], encrypts ? " with CURVE" : "", faults_name (mask), mask, rate, faults_count () + faults_shortened ());
    vprintf (format, list);
    printf ("\n");
    va_end (list);
    if (code == 1)
        faults_print (stdout);
    fflush (stdout);
    _exit (code);
}

static void watchdog (int signal)
{
    (void) signal;
    static const char text[] = "FAIL: somebody hangs, at: ";
    faults_exempt (1);
    if (write (1, text, sizeof text - 1) < 0 || write (1, stage, strlen (stage)) < 0 || write (1, "\n", 1) < 0)
        _exit (1);
    char number[64];
    int n = snprintf (number, sizeof number, "seed %llu mask %#x rate %u\n", seed, mask, rate);
    if (write (1, number, (size_t) n) < 0)
        _exit (1);
    _exit (1);
}

static uint64_t mix (uint64_t x)
{
    x *= 0x9e3779b97f4a7c15ull;
    x ^= x >> 29;
    x *= 0xbf58476d1ce4e5b9ull;
    return x ^ x >> 32;
}

/* Some errors are what a call may say while others fail; no call may say anything else. */
static int bearable (int error)
{
    switch (error) {
    case EAGAIN: case EINTR: case EMFILE: case ENFILE: case ENOBUFS: case ENOMEM: case ENOSPC: case EFSM: case EHOSTUNREACH:
        return 1;
    default:
        return 0;
    }
}

static void check (int rc, const char *call)
{
    if (rc < 0 && !bearable (zmq_errno ()))
        verdict (1, "FAIL: %s says %s", call, zmq_strerror (zmq_errno ()));
}

static size_t size_of (unsigned number)
{
    uint64_t r = mix (number + seed * 77);
    return r % 16 == 0 ? 8 + r / 16 % LONGEST : r % 4 == 0 ? 8 + r / 16 % 4000 : 8 + r / 16 % 120;
}

static void fill (unsigned char *body, unsigned number, size_t size)
{
    uint64_t n = number;
    memcpy (body, &n, 8);
    memset (body + 8, (int) (number & 0xff), size - 8);
}

/* Looks at what has come: whole, as it was sent, and for the first time. */
static void look (const unsigned char *body, size_t size, unsigned *last)
{
    uint64_t n;
    if (size < 8)
        verdict (1, "FAIL: a message of %zu octets that nobody sent", size);
    memcpy (&n, body, 8);
    if (n >= MESSAGES || n >= atomic_load (&sent) + 1 || size != size_of ((unsigned) n))
        verdict (1, "FAIL: message %llu of %zu octets was never sent", (unsigned long long) n, size);
    for (size_t i = 8; i < size; i++)
        if (body[i] != (unsigned char) (n & 0xff))
            verdict (1, "FAIL: message %llu is not what was sent, at octet %zu", (unsigned long long) n, i);
    if (seen[n])
        verdict (1, "FAIL: message %llu comes twice", (unsigned long long) n);
    seen[n] = 1;
    /* Of two connections, the older one may be read later. */
    if (n < *last && (transport == 2 || faults_accepted () <= 1))
        verdict (1, "FAIL: message %llu comes after %u", (unsigned long long) n, *last);
    *last = (unsigned) n;
    if (n >= atomic_load (&fresh))
        atomic_fetch_add (&arrived, 1);
}

static int option (void *socket, int name, int value)
{
    return zmq_setsockopt (socket, name, &value, sizeof value);
}

static void *send_messages (void *unused)
{
    (void) unused;
    static unsigned char body[LONGEST + 8];
    static unsigned char reply[64];
    while (!atomic_load (&stop)) {
        unsigned number = atomic_load (&sent);
        if (number + 1 >= MESSAGES)
            break;
        size_t size = size_of (number);
        fill (body, number, size);
        atomic_fetch_add (&sent, 1);
        int rc = zmq_send (sender, body, size, 0);
        check (rc, "zmq_send");
        if (pattern == REQ_REP && rc >= 0) {
            rc = zmq_recv (sender, reply, sizeof reply, 0);
            check (rc, "zmq_recv of a reply");
            uint64_t n;
            memcpy (&n, reply, 8);
            if (rc >= 0 && (rc != 8 || n != number))
                verdict (1, "FAIL: request %u has the reply to %llu", number, (unsigned long long) n);
        }
        while (pattern == DEALER_ROUTER && (rc = zmq_recv (sender, reply, sizeof reply, ZMQ_DONTWAIT)) >= 0)
            ;
        check (rc, "zmq_recv of what came back");
        while (!atomic_load (&going) && !atomic_load (&stop))
            pause_us (1000);
        pause_us (200);
    }
    return NULL;
}

static void *receive_messages (void *unused)
{
    (void) unused;
    static unsigned char body[LONGEST + 64], id[64];
    unsigned last = 0;
    while (!atomic_load (&stop)) {
        int rc, n = 0;
        if (pattern == DEALER_ROUTER) {
            n = zmq_recv (receiver, id, sizeof id, 0);
            check (n, "zmq_recv of an id");
            if (n < 0)
                continue;
            int more = 0;
            size_t size = sizeof more;
            if (zmq_getsockopt (receiver, ZMQ_RCVMORE, &more, &size) == 0 && !more)
                verdict (1, "FAIL: an id without a message");
        }
        rc = zmq_recv (receiver, body, sizeof body, 0);
        check (rc, "zmq_recv");
        if (rc < 0)
            continue;
        look (body, (size_t) rc, &last);
        if (pattern == DEALER_ROUTER) {
            check (zmq_send (receiver, id, (size_t) n, ZMQ_SNDMORE), "zmq_send of an id");
            check (zmq_send (receiver, body, 8, 0), "zmq_send of what goes back");
        }
        if (pattern == REQ_REP)
            check (zmq_send (receiver, body, 8, 0), "zmq_send of a reply");
    }
    return NULL;
}

/* Tries again for as long as calls fail. */
static void *new_socket (int type)
{
    for (;;) {
        void *socket = zmq_socket (context, type);
        if (socket)
            return socket;
        check (-1, "zmq_socket");
        pause_us (1000);
    }
}

static void configure (void *socket, int heartbeats)
{
    option (socket, ZMQ_LINGER, 0);
    option (socket, ZMQ_RCVTIMEO, 100);
    option (socket, ZMQ_SNDTIMEO, 100);
    option (socket, ZMQ_RECONNECT_IVL, 5);
    option (socket, ZMQ_HANDSHAKE_IVL, 500);
    if (heartbeats) {
        option (socket, ZMQ_HEARTBEAT_IVL, 100);
        option (socket, ZMQ_HEARTBEAT_TIMEOUT, 1000);
    }
}

/* The messages are encrypted, unless they stay in this process. */
static void encrypt (void *server, void *client)
{
    char public[41], secret[41];
    if (zmq_curve_keypair (public, secret) < 0)
        verdict (2, "no keys");
    option (server, ZMQ_CURVE_SERVER, 1);
    zmq_setsockopt (server, ZMQ_CURVE_SECRETKEY, secret, 40);
    zmq_setsockopt (client, ZMQ_CURVE_SERVERKEY, public, 40);
    zmq_setsockopt (client, ZMQ_CURVE_PUBLICKEY, public, 40);
    zmq_setsockopt (client, ZMQ_CURVE_SECRETKEY, secret, 40);
}

/* To everything, and to some topics that nothing begins with. */
static void subscribe (void *socket)
{
    static char topic[3000];
    memset (topic, 0xff, sizeof topic);
    for (unsigned i = 0; i <= TOPICS; i++) {
        size_t size = i < TOPICS ? 9 + mix (i + seed) % (sizeof topic - 9) : 0;
        memcpy (topic + 8, &i, 1);
        while (zmq_setsockopt (socket, ZMQ_SUBSCRIBE, topic, size) < 0) {
            check (-1, "ZMQ_SUBSCRIBE");
            pause_us (100);
        }
    }
}

static void meet (void *binder, void *connecter)
{
    char endpoint[256];
    const char *names[] = {"tcp://127.0.0.1:*", "ipc://*", "inproc://inject"};
    stage = "zmq_bind";
    while (zmq_bind (binder, names[transport]) < 0) {
        check (-1, "zmq_bind");
        pause_us (2000);
    }
    size_t size = sizeof endpoint;
    if (zmq_getsockopt (binder, ZMQ_LAST_ENDPOINT, endpoint, &size) < 0)
        verdict (1, "FAIL: ZMQ_LAST_ENDPOINT: %s", zmq_strerror (zmq_errno ()));
    stage = "zmq_connect";
    while (zmq_connect (connecter, endpoint) < 0) {
        check (-1, "zmq_connect");
        pause_us (2000);
    }
}

/* Waits until some fresh messages have come. */
static int flows (unsigned want)
{
    atomic_store (&arrived, 0);
    atomic_store (&fresh, atomic_load (&sent) + 1);
    for (double end = now () + FLOWS; now () < end;) {
        if (atomic_load (&arrived) >= want)
            return 1;
        pause_us (1000);
    }
    return 0;
}

int main (int argc, char **argv)
{
    seed = argc > 1 ? strtoull (argv[1], NULL, 0) : 0;
    uint64_t r = mix (seed + 1);
    pattern = (int) (r % 4);
    transport = (int) (r / 4 % 5);
    transport = transport < 3 ? transport : transport - 3;
    static const unsigned masks[] = {F_SEND, F_SHORT, F_RECV, F_AGAIN, F_ACCEPT, F_CONNECT, F_WATCH, F_WAIT, F_EVENT, F_SHORT | F_AGAIN, F_SEND | F_RECV, F_MALLOC, F_MALLOC | F_SHORT, F_ALL & ~F_AGAIN, F_ALL};
    static const unsigned rates[] = {3, 7, 20, 60, 1, 200};
    mask = masks[r / 20 % (sizeof masks / sizeof *masks)];
    rate = rates[r / 1000 % 6];
    if (argc > 2)
        mask = (unsigned) strtoul (argv[2], NULL, 0);
    if (argc > 3)
        rate = (unsigned) strtoul (argv[3], NULL, 0);
    int early = r / 10000 % 2, heartbeats = r / 20000 % 2, binds = r / 40000 % 2;
    encrypts = r / 80000 % 3 == 0;
    /* What only happens when a connection is made has to be broken before one is, or there is nothing to see. */
    if (mask & (F_ACCEPT | F_CONNECT | F_WATCH | F_EVENT))
        early = 1;

    /* What is tried until it works, or was told to be ready, doesn't fail always. */
    if (rate == 1 && (early || mask & (F_WAIT | F_AGAIN)))
        rate = 2;

    signal (SIGALRM, watchdog);
    signal (SIGPIPE, SIG_IGN);
    alarm (WATCH);
    faults_begin (seed);
    faults_exempt (0);
    static const int types[][2] = {{ZMQ_PUSH, ZMQ_PULL}, {ZMQ_REQ, ZMQ_REP}, {ZMQ_PUB, ZMQ_SUB}, {ZMQ_DEALER, ZMQ_ROUTER}};
    context = zmq_ctx_new ();
    if (!context)
        verdict (2, "no context");
    stage = "zmq_socket";
    /* The I/O thread is there before anything fails: without one there is no context. */
    void *first = zmq_socket (context, ZMQ_PAIR);
    if (!first)
        verdict (2, "no socket");
    double began = now ();
    if (early)
        faults_arm (mask, rate);
    sender = new_socket (types[pattern][0]);
    receiver = new_socket (types[pattern][1]);
    configure (sender, heartbeats);
    configure (receiver, heartbeats);
    if (encrypts)
        encrypt (sender, receiver);
    if (pattern == PUB_SUB)
        subscribe (receiver);
    if (pattern == REQ_REP) {
        option (sender, ZMQ_REQ_RELAXED, 1);
        option (sender, ZMQ_REQ_CORRELATE, 1);
    }
    if (binds)
        meet (sender, receiver);
    else
        meet (receiver, sender);
    pthread_t threads[2];
    atomic_store (&going, 1);
    pthread_create (&threads[0], NULL, send_messages, NULL);
    pthread_create (&threads[1], NULL, receive_messages, NULL);
    stage = "first messages";
    if (!early) {
        if (!flows (5))
            verdict (1, "FAIL: no messages before any call has failed");
        began = now ();
        faults_arm (mask, rate);
    }
    stage = "while calls fail";
    long before = faults_count ();
    double late = now ();
    while (now () < began + FAULTY || now () < late + FAULTY / 2)
        pause_us (1000);
    double took = now () - late;
    faults_disarm ();
    long tried = faults_count () - before;
    if ((double) tried > MOST_FAULTS * (took / FAULTY + 1))
        verdict (1, "FAIL: failing calls are tried again and again: %ld times in %.0f ms", tried, took);
    stage = "afterwards";
    if (!flows (5))
        verdict (1, "FAIL: nothing comes any more");
    atomic_store (&going, 0);
    stage = "idle";
    pause_us (120000);
    double cpu = processor ();
    pause_us (IDLE * 1000);
    cpu = processor () - cpu;
    if (cpu > IDLE_CPU)
        verdict (1, "FAIL: it spins: %.0f ms of processor time in %d ms of idleness", cpu, IDLE);
    stage = "the end";
    atomic_store (&stop, 1);
    pthread_join (threads[0], NULL);
    pthread_join (threads[1], NULL);
    zmq_close (sender);
    zmq_close (receiver);
    zmq_close (first);
    if (zmq_ctx_term (context) < 0)
        verdict (1, "FAIL: zmq_ctx_term: %s", zmq_strerror (zmq_errno ()));
    verdict (0, "ok, %u sent", atomic_load (&sent));
}
