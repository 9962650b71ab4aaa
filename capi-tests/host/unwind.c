// Threads that are cancelled, or end themselves, amid a call of the library: see tests/host/unwind.rs. The argument is the case.
// A thread that doesn't end is the caller's to time out.

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "zmq.h"

#define CHECK(what)                                                          \
    do {                                                                     \
        if (!(what)) {                                                       \
            fprintf (stderr, "line %d: %s: %s\n", __LINE__, #what,           \
                     zmq_strerror (zmq_errno ()));                           \
            exit (1);                                                        \
        }                                                                    \
    } while (0)

static void *context, *one, *other, *third;
static atomic_int stop, begun, freed;

// A socket that waits for nothing when it is closed.
static void *socket_of (int type)
{
    void *s = zmq_socket (context, type);
    int linger = 0;
    CHECK (s && zmq_setsockopt (s, ZMQ_LINGER, &linger, sizeof linger) == 0);
    return s;
}

static void bind_any (void *s, char endpoint[256])
{
    size_t size = 256;
    CHECK (zmq_bind (s, "tcp://127.0.0.1:*") == 0);
    CHECK (zmq_getsockopt (s, ZMQ_LAST_ENDPOINT, endpoint, &size) == 0);
}

static void pause_a_moment (void)
{
    usleep (50 * 1000);
}

static pthread_t start (void *(*run) (void *), void *argument)
{
    pthread_t thread;
    CHECK (pthread_create (&thread, NULL, run, argument) == 0);
    return thread;
}

// Whether it was amid the call by then makes no difference to how it ends.
static void cancel (pthread_t thread)
{
    void *result;
    pause_a_moment ();
    CHECK (pthread_cancel (thread) == 0);
    CHECK (pthread_join (thread, &result) == 0);
    CHECK (result == PTHREAD_CANCELED);
}

// -- calls that wait

static void *in_send_const (void *unused)
{
    zmq_send_const (one, "x", 1, 0);
    return unused;
}

static void *in_sendiov (void *unused)
{
    struct iovec parts[2] = {{"a", 1}, {"b", 1}};
    zmq_sendiov (one, parts, 2, ZMQ_SNDMORE);
    return unused;
}

static void *in_recviov (void *unused)
{
    struct iovec parts[2];
    size_t count = 2;
    zmq_recviov (one, parts, &count, 0);
    return unused;
}

static void *in_sleep (void *unused)
{
    zmq_sleep (1000);
    return unused;
}

static void sleep_on (void *unused)
{
    (void) unused;
    begun = 1;
    for (;;)
        sleep (1000);
}

static void *in_threadclose (void *thread)
{
    zmq_threadclose (thread);
    return NULL;
}

static void waiting (void)
{
    one = socket_of (ZMQ_PUSH);
    cancel (start (in_send_const, NULL));
    cancel (start (in_sendiov, NULL));
    // The socket is others' now, and no part was left in it.
    char endpoint[256], buffer[8];
    int more;
    size_t size = sizeof more;
    bind_any (one, endpoint);
    other = socket_of (ZMQ_PULL);
    CHECK (zmq_connect (other, endpoint) == 0);
    CHECK (zmq_send_const (one, "next", 4, 0) == 4);
    CHECK (zmq_recv (other, buffer, sizeof buffer, 0) == 4 && memcmp (buffer, "next", 4) == 0);
    CHECK (zmq_getsockopt (other, ZMQ_RCVMORE, &more, &size) == 0 && !more);
    void *from = one;
    one = other;
    cancel (start (in_recviov, NULL));
    struct iovec parts[2] = {{"a", 1}, {"bc", 2}}, received[3];
    size_t count = 3;
    CHECK (zmq_sendiov (from, parts, 2, ZMQ_SNDMORE) == 2);
    CHECK (zmq_recviov (other, received, &count, 0) == 2 && count == 2);
    CHECK (received[0].iov_len == 1 && received[1].iov_len == 2);
    for (size_t i = 0; i < count; i++)
        free (received[i].iov_base);
    cancel (start (in_sleep, NULL));
    cancel (start (in_threadclose, zmq_threadstart (sleep_on, NULL)));
}

// -- calls that never wait

static void *publish (void *unused)
{
    for (;;)
        zmq_send (one, "x", 1, 0);
    return unused;
}

static void *drain (void *s)
{
    char buffer[64];
    while (!stop)
        zmq_recv (s, buffer, sizeof buffer, ZMQ_DONTWAIT);
    return NULL;
}

static void *receive (void *s)
{
    char buffer[64];
    for (;;)
        zmq_recv (s, buffer, sizeof buffer, ZMQ_DONTWAIT);
    return NULL;
}

static void busy (void)
{
    one = socket_of (ZMQ_PUB);
    cancel (start (publish, NULL));
    // With somebody who reads, all that a message comes to is a copy.
    other = socket_of (ZMQ_PUSH);
    one = other;
    third = socket_of (ZMQ_PULL);
    CHECK (zmq_bind (third, "inproc://busy") == 0 && zmq_connect (one, "inproc://busy") == 0);
    pthread_t reader = start (drain, third);
    cancel (start (publish, NULL));
    stop = 1;
    CHECK (pthread_join (reader, NULL) == 0);
    cancel (start (receive, third));
}

// -- proxies

static void *in_proxy (void *unused)
{
    zmq_proxy (one, other, third);
    return unused;
}

// What goes out comes in again, so that it always has something to do: or would have, if the capture socket had a peer.
static void proxy (void)
{
    char buffer[64];
    int timeout = 1000;
    one = socket_of (ZMQ_PULL);
    other = socket_of (ZMQ_PUSH);
    CHECK (zmq_setsockopt (one, ZMQ_RCVTIMEO, &timeout, sizeof timeout) == 0);
    CHECK (zmq_bind (one, "inproc://loop") == 0 && zmq_connect (other, "inproc://loop") == 0);
    for (int i = 0; i < 100; i++)
        CHECK (zmq_send (other, "hello", 5, 0) == 5);
    cancel (start (in_proxy, NULL));
    // The sockets are others' now, and at most one message is lost.
    CHECK (zmq_send (other, "hello", 5, 0) == 5);
    for (int i = 0; i < 100; i++)
        CHECK (zmq_recv (one, buffer, sizeof buffer, 0) == 5);
}

static void captured_proxy (void)
{
    third = socket_of (ZMQ_PUSH);
    proxy ();
}

// -- functions of the program's

static void exit_thread (void *unused)
{
    pthread_exit (unused);
}

static pthread_t self;

static void sleep_as_told (void *unused)
{
    self = pthread_self ();
    sleep_on (unused);
}

static void threads (void)
{
    zmq_threadclose (zmq_threadstart (exit_thread, NULL));
    void *thread = zmq_threadstart (sleep_as_told, NULL);
    while (!begun)
        usleep (1000);
    CHECK (pthread_cancel (self) == 0);
    zmq_threadclose (thread);
}

static atomic_int called, ends;

static void handler (int id, void *unused)
{
    (void) id;
    called++;
    if (ends == 1)
        pthread_exit (unused);
    if (ends == 2)
        sleep_on (unused);
    // As far as the outer one knows, the inner call sleeps.
    if (ends == 3)
        zmq_recv (one, NULL, 0, 0);
}

static void *execute (void *timers)
{
    zmq_timers_execute (timers);
    return NULL;
}

static void timers (void)
{
    void *all = zmq_timers_new ();
    one = socket_of (ZMQ_PULL);
    CHECK (zmq_timers_add (all, 0, handler, NULL) > 0);
    ends = 1;
    CHECK (pthread_join (start (execute, all), NULL) == 0 && called == 1);
    for (ends = 2; ends <= 3; ends++) {
        pthread_t thread = start (execute, all);
        while (called < ends)
            usleep (1000);
        cancel (thread);
    }
    // It is due as before.
    CHECK (zmq_timers_timeout (all) == 0);
    CHECK (zmq_timers_execute (all) == 0 && called == 4);
    CHECK (zmq_timers_destroy (&all) == 0);
}

static void free_and_exit (void *data, void *exits)
{
    (void) data;
    freed++;
    if (exits)
        pthread_exit (NULL);
}

static void lend (void *to, int exits)
{
    zmq_msg_t message;
    static char data[100];
    CHECK (zmq_msg_init_data (&message, data, sizeof data, free_and_exit, exits ? data : NULL) == 0);
    if (to)
        CHECK (zmq_msg_send (&message, to, 0) == sizeof data);
    else
        zmq_msg_close (&message);
}

static void *close_message (void *unused)
{
    lend (NULL, 1);
    return unused;
}

static void *close_socket (void *s)
{
    zmq_close (s);
    return NULL;
}

static void free_functions (void)
{
    CHECK (pthread_join (start (close_message, NULL), NULL) == 0 && freed == 1);
    // Those that come after it are given back, too.
    void *to = socket_of (ZMQ_PULL), *from = socket_of (ZMQ_PUSH);
    CHECK (zmq_bind (to, "inproc://lent") == 0 && zmq_connect (from, "inproc://lent") == 0);
    for (int i = 0; i < 5; i++)
        lend (from, i == 1);
    CHECK (zmq_close (to) == 0 && freed == 1);
    CHECK (pthread_join (start (close_socket, from), NULL) == 0 && freed == 6);
}

int main (int count, char **arguments)
{
    static const struct {
        const char *name;
        void (*run) (void);
    } cases[] = {
        {"waiting", waiting},
        {"busy", busy},
        {"proxy", proxy},
        {"captured_proxy", captured_proxy},
        {"threads", threads},
        {"timers", timers},
        {"free_functions", free_functions},
    };
    CHECK (count == 2);
    context = zmq_ctx_new ();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (strcmp (cases[i].name, arguments[1]) == 0) {
            cases[i].run ();
            return 0;
        }
    fprintf (stderr, "no such case\n");
    return 1;
}
