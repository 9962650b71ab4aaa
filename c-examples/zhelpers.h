/*
 * What the examples have in common: strings over sockets, a clock and random numbers.
 *
 * Include it before any other header: it asks for POSIX, which plain C99 leaves out. Each function is static, so that an
 * example needs no other source file.
 */
#ifndef ZHELPERS_H
#define ZHELPERS_H

#ifndef _XOPEN_SOURCE
#define _XOPEN_SOURCE 700
#endif

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <zmq.h>

#if defined __GNUC__
#define ZHELPERS_MAYBE_UNUSED __attribute__((unused))
#else
#define ZHELPERS_MAYBE_UNUSED
#endif

/* A random number from 0 to limit - 1. Call srandom first. */
#define randof(limit) ((int)((double)(limit) * ((double)random() / ((double)RAND_MAX + 1.0))))

/* Receives one part as a string, which the caller frees. NULL if the call fails, as it does when the context ends. */
ZHELPERS_MAYBE_UNUSED static char *s_recv(void *socket)
{
    zmq_msg_t part;
    char *text = NULL;

    zmq_msg_init(&part);
    if (zmq_msg_recv(&part, socket, 0) != -1) {
        size_t length = zmq_msg_size(&part);
        text = malloc(length + 1);
        if (text) {
            memcpy(text, zmq_msg_data(&part), length);
            text[length] = '\0';
        }
    }
    zmq_msg_close(&part);
    return text;
}

/* Sends a string, without its final NUL, as the last or only part. Returns its length, or -1. */
ZHELPERS_MAYBE_UNUSED static int s_send(void *socket, const char *text)
{
    return zmq_send(socket, text, strlen(text), 0);
}

/* Like s_send, for a part that others follow. */
ZHELPERS_MAYBE_UNUSED static int s_sendmore(void *socket, const char *text)
{
    return zmq_send(socket, text, strlen(text), ZMQ_SNDMORE);
}

/* Receives a whole message and prints a line for each part: its length, and its bytes as text or in hexadecimal. */
ZHELPERS_MAYBE_UNUSED static void s_dump(void *socket)
{
    int more;

    puts("----------------------------------------");
    do {
        zmq_msg_t part;
        int printable = 1;

        zmq_msg_init(&part);
        if (zmq_msg_recv(&part, socket, 0) == -1) {
            zmq_msg_close(&part);
            return;
        }
        const unsigned char *bytes = zmq_msg_data(&part);
        size_t length = zmq_msg_size(&part);
        for (size_t i = 0; i < length; i++)
            printable &= bytes[i] >= ' ' && bytes[i] <= '~';
        printf("[%03lu] ", (unsigned long)length);
        for (size_t i = 0; i < length; i++)
            printf(printable ? "%c" : "%02X", bytes[i]);
        putchar('\n');
        more = zmq_msg_more(&part);
        zmq_msg_close(&part);
    } while (more);
}

/* Gives the socket a random routing id that can be printed. */
ZHELPERS_MAYBE_UNUSED static void s_set_id(void *socket)
{
    char id[16];

    snprintf(id, sizeof id, "%04X-%04X", (unsigned)randof(0x10000), (unsigned)randof(0x10000));
    zmq_setsockopt(socket, ZMQ_ROUTING_ID, id, strlen(id));
}

/* Sleeps for so many milliseconds. */
ZHELPERS_MAYBE_UNUSED static void s_sleep(int milliseconds)
{
    struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000L};

    nanosleep(&time, NULL);
}

/* Milliseconds since some moment in the past. */
ZHELPERS_MAYBE_UNUSED static int64_t s_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#endif
