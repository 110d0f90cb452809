/*
 * What librdkafka does in C, without files, checksums or a runtime: nothing that is built on it can be faster.
 *
 *   ceiling produce TOPIC RECORDS BYTES KEY=VALUE...    sends so many records of so many bytes
 *   ceiling consume TOPIC RECORDS BYTES KEY=VALUE...    reads as many from the topic's only partition
 *
 * KEY=VALUE are librdkafka's own properties. It prints the seconds from the first record to the last.
 */
#include "rdkafka.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Records on their way at most: 8 of about a megabyte are what the agent has by default. */
enum { WINDOW = 8 };

static long delivered;

static void fail(const char *what) {
  fprintf(stderr, "ceiling: %s\n", what);
  exit(1);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void on_delivered(rd_kafka_t *client, const rd_kafka_message_t *record, void *opaque) {
  if (record->err) fail(rd_kafka_err2str(record->err));
  delivered++;
}

static rd_kafka_t *make_client(rd_kafka_type_t type, rd_kafka_conf_t *conf) {
  char error[512];
  rd_kafka_t *client = rd_kafka_new(type, conf, error, sizeof error);
  if (!client) fail(error);
  return client;
}

/* Bytes that no compression gets cheaper. */
static char *noise(size_t bytes) {
  char *made = malloc(bytes);
  if (!made) fail("no memory");
  for (size_t at = 0; at < bytes; at++) made[at] = (char)(rand() >> 8);
  return made;
}

static double produce(rd_kafka_conf_t *conf, const char *topic, long records, size_t bytes) {
  rd_kafka_conf_set_dr_msg_cb(conf, on_delivered);
  rd_kafka_t *client = make_client(RD_KAFKA_PRODUCER, conf);
  char *value = noise(bytes);
  double began = now();
  for (long sent = 0; sent < records; sent++) {
    while (sent - delivered >= WINDOW) rd_kafka_poll(client, 10);
    rd_kafka_resp_err_t error;
    while ((error = rd_kafka_producev(client, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_VALUE(value, bytes),
                                      RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END))) {
      if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) fail(rd_kafka_err2str(error));
      rd_kafka_poll(client, 10);
    }
    rd_kafka_poll(client, 0);
  }
  while (delivered < records) rd_kafka_poll(client, 10);
  return now() - began;
}

static double consume(rd_kafka_conf_t *conf, const char *topic, long records, size_t bytes) {
  rd_kafka_t *client = make_client(RD_KAFKA_CONSUMER, conf);
  rd_kafka_poll_set_consumer(client);
  rd_kafka_topic_partition_list_t *assigned = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(assigned, topic, 0)->offset = 0;
  rd_kafka_assign(client, assigned);
  double began = 0;
  for (long taken = 0; taken < records;) {
    rd_kafka_message_t *record = rd_kafka_consumer_poll(client, 1000);
    if (!record) continue;
    if (!record->err) {
      if (record->len != bytes) fail("a record of another size");
      /* From the first one on: connecting is not what is measured. */
      if (taken++ == 0) began = now();
    } else if (record->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      fail(rd_kafka_message_errstr(record));
    }
    rd_kafka_message_destroy(record);
  }
  return now() - began;
}

int main(int count, char **arguments) {
  if (count < 5) fail("produce|consume TOPIC RECORDS BYTES KEY=VALUE...");
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  for (int at = 5; at < count; at++) {
    char error[512], *value = strchr(arguments[at], '=');
    if (!value) fail("a property without a value");
    *value++ = 0;
    if (rd_kafka_conf_set(conf, arguments[at], value, error, sizeof error) != RD_KAFKA_CONF_OK) fail(error);
  }
  long records = atol(arguments[3]);
  size_t bytes = strtoul(arguments[4], NULL, 10);
  int produces = strcmp(arguments[1], "produce") == 0;
  printf("%.3f\n", (produces ? produce : consume)(conf, arguments[2], records, bytes));
  return 0;
}
