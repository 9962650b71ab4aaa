/* What a call does when there is no memory for what is large: it fails and has done nothing, or says so later.

   Exits with 0 if all is well; else says what isn't, and exits with 1. */
#define _GNU_SOURCE
#include "faults.h"
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

enum { PARTS = 100, LARGE = 6000, TOPICS = 3000, PATIENCE = 10000, SOON = 300 };

static int failures;

static void check (int holds, const char *what)
{
    if (!holds) {
        printf ("it doesn't hold that %s\n", what);
        failures++;
    }
}

static int get (void *socket, int option)
{
    int value = -1;
    size_t size = sizeof value;
    zmq_getsockopt (socket, option, &value, &size);
    return value;
}

static void set (void *socket, int option, int value)
{
    zmq_setsockopt (socket, option, &value, sizeof value);
}

/* Two sockets, of which the first one has bound. */
static void pair (void *context, void *sockets[2], int first, int second, char endpoint[64], int over_tcp)
{
    size_t size = 64;
    sockets[0] = zmq_socket (context, first);
    sockets[1] = zmq_socket (context, second);
    for (int i = 0; i < 2; i++) {
        set (sockets[i], ZMQ_RCVTIMEO, PATIENCE);
        set (sockets[i], ZMQ_LINGER, 0);
        set (sockets[i], ZMQ_SNDHWM, 0);
        set (sockets[i], ZMQ_RCVHWM, 0);
    }
    strcpy (endpoint, over_tcp ? "tcp://127.0.0.1:*" : "inproc://memory");
    assert (!zmq_bind (sockets[0], endpoint));
    assert (!zmq_getsockopt (sockets[0], ZMQ_LAST_ENDPOINT, endpoint, &size));
    assert (!zmq_connect (sockets[1], endpoint));
}

static void close_pair (void *sockets[2])
{
    zmq_close (sockets[0]);
    zmq_close (sockets[1]);
}

/* A message that is being received when its connection goes has all its parts, or receiving them fails. */
static void no_message_is_cut (void *context)
{
    void *s[2];
    char endpoint[64], body[16];
    pair (context, s, ZMQ_PUSH, ZMQ_PULL, endpoint, 1);
    for (int i = 0; i < PARTS; i++)
        assert (zmq_send (s[0], "part", 4, i < PARTS - 1 ? ZMQ_SNDMORE : 0) == 4);
    int parts = 1, received = zmq_recv (s[1], body, sizeof body, 0);
    faults_arm (F_MALLOC, 1);
    assert (received == 4 && !zmq_disconnect (s[1], endpoint));
    while (get (s[1], ZMQ_RCVMORE) && (received = zmq_recv (s[1], body, sizeof body, 0)) >= 0)
        parts++;
    faults_disarm ();
    check (parts == PARTS || (received == -1 && errno == ENOMEM), "a message is whole");
    close_pair (s);
}

/* A publisher that is to drop nothing says that it has no memory for a message, and nobody gets a part of one. */
static void publishers_say_so (void *context, int over_tcp)
{
    void *s[2];
    char endpoint[64], body[LARGE] = "";
    pair (context, s, ZMQ_XPUB, ZMQ_SUB, endpoint, over_tcp);
    set (s[0], ZMQ_XPUB_NODROP, 1);
    assert (!zmq_setsockopt (s[1], ZMQ_SUBSCRIBE, "", 0) && zmq_recv (s[0], body, 1, 0) == 1);
    assert (zmq_send (s[0], "before", 6, 0) == 6 && zmq_recv (s[1], body, sizeof body, 0) == 6);
    faults_arm (F_MALLOC, 1);
    int sent = zmq_send (s[0], body, sizeof body, ZMQ_SNDMORE), error = errno;
    faults_disarm ();
    check (sent == LARGE || (sent == -1 && error == ENOMEM), "a part is sent, or there is no memory");
    assert (zmq_send (s[0], "end", 3, 0) == 3);
    int first = zmq_recv (s[1], body, sizeof body, 0), more = get (s[1], ZMQ_RCVMORE);
    check (first == (sent == LARGE ? LARGE : 3) && more == (sent == LARGE), "what was sent arrives");
    close_pair (s);
}

/* A subscription that fails hasn't been made, and one that can't be given up is still there. */
static void subscriptions_fail_as_a_whole (void *context, int over_tcp)
{
    void *s[2];
    char endpoint[64], topic[128], body[256];
    pair (context, s, ZMQ_XPUB, ZMQ_SUB, endpoint, over_tcp);
    for (int begin = 1; begin >= 0; begin--) {
        int option = begin ? ZMQ_SUBSCRIBE : ZMQ_UNSUBSCRIBE;
        for (int i = 0; i < TOPICS; i++) {
            snprintf (topic, sizeof topic, "T%05d%0100d", i, 0);
            faults_arm (F_MALLOC, 1);
            int done = zmq_setsockopt (s[1], option, topic, strlen (topic));
            faults_disarm ();
            if (!done)
                continue;
            check (errno == ENOMEM, "there is no memory");
            assert (!zmq_setsockopt (s[1], option, topic, strlen (topic)));
        }
        /* Had a call that failed counted, the end of its subscription would not be told. */
        int told = 0;
        while (told < TOPICS && zmq_recv (s[0], body, sizeof body, 0) > 0 && body[0] == begin)
            told++;
        check (told == TOPICS, "the publisher is told of each topic");
    }
    set (s[0], ZMQ_RCVTIMEO, SOON);
    check (zmq_recv (s[0], body, sizeof body, 0) == -1, "the publisher is told of each topic once");
    close_pair (s);
}

int main (void)
{
    faults_begin (1);
    void *context = zmq_ctx_new ();
    no_message_is_cut (context);
    for (int over_tcp = 0; over_tcp < 2; over_tcp++) {
        publishers_say_so (context, over_tcp);
        subscriptions_fail_as_a_whole (context, over_tcp);
    }
    zmq_ctx_term (context);
    return failures > 0;
}
