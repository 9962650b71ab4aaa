/* Lets system calls fail with what they can fail with, as a seed says.

   This program defines the calls that the library makes through libc: those of the main program win over libc's. What goes
   past libc (epoll_ctl, in some libraries) is caught by seccomp. Nothing fails unless faults_arm was called, and nothing
   that a thread does that has called faults_exempt. */
#ifndef FAULTS_H
#define FAULTS_H

#include <stdio.h>

/* The classes of calls that may fail. */
enum {
    F_SEND = 1,     /* send, sendmsg, write, writev on sockets: errors that pass, and ends of connections */
    F_SHORT = 2,    /* reads and writes that do less than they could */
    F_RECV = 4,     /* recv, recvmsg, read, readv on sockets */
    F_AGAIN = 8,    /* EAGAIN and EINTR, for no reason */
    F_ACCEPT = 16,  /* accept, accept4 */
    F_CONNECT = 32, /* socket, connect */
    F_WATCH = 64,   /* epoll_ctl's additions */
    F_WAIT = 128,   /* EINTR of epoll_wait, epoll_pwait2, poll and ppoll */
    F_EVENT = 256,  /* the making of eventfds */
    F_MALLOC = 512, /* allocations of a kilobyte and more */
    F_ALL = 1023,
};

/* The name of the only class in a mask, or the mask's number. */
const char *faults_name (unsigned mask);
/* To be called first. */
void faults_begin (unsigned long long seed);
/* From now on one in RATE calls of these classes fails. */
void faults_arm (unsigned mask, unsigned rate);
/* From now on none fails. */
void faults_disarm (void);
/* Whether the calls of this thread are the program's own. */
void faults_exempt (int yes);
/* How many calls have failed. */
long faults_count (void);
/* How many have done less than they could. */
long faults_shortened (void);
/* How many connections were accepted. */
long faults_accepted (void);
/* Prints the last failures. */
void faults_print (FILE *to);

#endif
