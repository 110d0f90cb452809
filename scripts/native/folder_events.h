// What is asked of inotify(7) for a folder, see folder_events.cc.
#ifndef FOLDER_EVENTS_H_
#define FOLDER_EVENTS_H_
#include <string>

namespace folder_events {

// Watches the open folder `fd`: by its descriptor, so that it is the very folder that is read, or where there is no /proc by its
// path. Returns the watch descriptor, which is the same for the same folder, or -errno.
int watch(int inotify, int fd, const std::string& root, const std::string& path);

}  // namespace folder_events
#endif
