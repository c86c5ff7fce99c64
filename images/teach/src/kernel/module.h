/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEACH_MODULE_H
#define TEACH_MODULE_H

/*
 * What a kernel module says about itself, in the layout that FreeBSD's loader and kernel read (sys/module.h):
 * records, gathered in the section set_modmetadata_set. The loader uses the names and versions to find what a
 * module needs, the kernel the module's entry.
 */
enum { MDT_DEPEND = 1, MDT_MODULE = 2, MDT_VERSION = 3 };
enum { MOD_LOAD = 0 };

/* Of what modules and kernel know of each other: counts up with each change. */
#define KERNEL_VERSION 1

struct mod_metadata {
    int version; /* of this structure: 1 */
    int type;
    const void *data;
    const char *name;
};

struct mod_depend {
    int minimum, preferred, maximum;
};

struct mod_version {
    int version;
};

struct moduledata {
    const char *name;
    int (*event)(void *module, int what, void *argument); /* 0: done */
    void *argument;
};

#define MODULE_METADATA(tag, kind, what, text)                                                     \
    static const struct mod_metadata tag##_metadata = {1, kind, what, text};                       \
    static const struct mod_metadata *const tag##_entry                                            \
        __attribute__((section("set_modmetadata_set"), used)) = &tag##_metadata

#define MODULE_VERSION(name, number)                                                               \
    static const struct mod_version name##_number = {number};                                      \
    MODULE_METADATA(name##_version, MDT_VERSION, &name##_number, #name)

#define MODULE_DEPEND(name, other, minimum, preferred, maximum)                                    \
    static const struct mod_depend name##_needs_##other = {minimum, preferred, maximum};           \
    MODULE_METADATA(name##_depend_##other, MDT_DEPEND, &name##_needs_##other, #other)

/* The module's entry. A module fits one version of the kernel. */
#define DECLARE_MODULE(name, function)                                                             \
    static const struct moduledata name##_data = {#name, function, 0};                             \
    MODULE_METADATA(name##_module, MDT_MODULE, &name##_data, #name);                               \
    MODULE_DEPEND(name, kernel, KERNEL_VERSION, KERNEL_VERSION, KERNEL_VERSION)

#endif
