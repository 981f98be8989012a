/* file - the files of a VM's directory that belong to driver and shim.
 *
 * QEMU may own the directory and be in the hands of its guest: what it puts under a name must
 * neither lead root elsewhere nor stop it. So nothing is opened but regular files and sockets with
 * one name that belong to this user. */
#ifndef VMDIR_FILE_H
#define VMDIR_FILE_H

/* Open with these flags, close-on-exec and without waiting; made with mode 0600. A descriptor, or
 * -1 with errno: EPERM: another kind of file, or of another user. */
int vm_file_open(int dir, const char *name, int flags);
/* A socket that is to be connected to: O_PATH, so connect to /proc/self/fd/N. A descriptor, or -1
 * with errno; EPERM: it is something else, or of another user. */
int vm_socket_open(int dir, const char *name);
/* A new one for writing, in the place of what has the name. A descriptor, or -1 with errno. */
int vm_file_create(int dir, const char *name);

#endif
