/* A worker of the pipeline: pulls tasks from port 5557, sleeps for as many milliseconds as each says, and pushes an empty
 * message to the sink on port 5558. */
#include "zhelpers.h"

int main(void)
{
    void *context = zmq_ctx_new();
    void *tasks = zmq_socket(context, ZMQ_PULL);
    void *results = zmq_socket(context, ZMQ_PUSH);

    if (zmq_connect(tasks, "tcp://localhost:5557") != 0 || zmq_connect(results, "tcp://localhost:5558") != 0) {
        perror("zmq_connect");
        return 1;
    }
    for (;;) {
        char *task = s_recv(tasks);
        if (!task)
            break;
        printf("%s.", task);
        fflush(stdout);
        s_sleep(atoi(task));
        free(task);
        s_send(results, "");
    }
    zmq_close(tasks);
    zmq_close(results);
    zmq_ctx_destroy(context);
    return 0;
}
