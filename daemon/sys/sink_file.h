/* sink_file - where the files of the log are. */
#ifndef SINK_FILE_H
#define SINK_FILE_H

/* They are in DATA/recorder. Without it, or when it can not be made, they are not written. From
 * one thread, which is not the router's; once while the log is open. */
void sink_file_directory(const char *data);
/* There is none any more: the log is closed. */
void sink_file_forget(void);

#endif
