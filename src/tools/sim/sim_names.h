/* tools/sim/sim_names.h -- the people, places and things of the records. */
/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_SIM_SIM_NAMES_H
#define TOOLS_SIM_SIM_NAMES_H

#include <stddef.h>

/* All texts are ready to stand between the quotes of a JSON string. */

struct sim_person {
	const char *account;
	const char *display;
};

struct sim_place {
	const char *city, *country, *letters;
	const char *position; /* two members */
};

struct sim_file {
	const char *folder, *name;
};

extern const struct sim_person sim_persons[];
extern const size_t sim_n_persons;
extern const struct sim_place sim_places[];
extern const size_t sim_n_places;
extern const struct sim_file sim_files[];
extern const size_t sim_n_files;
extern const char *const sim_domains[];
extern const size_t sim_n_domains;
extern const char *const sim_hosts[];
extern const size_t sim_n_hosts;
extern const char *const sim_commands[];
extern const size_t sim_n_commands;
extern const char *const sim_urls[];
extern const size_t sim_n_urls;
extern const char *const sim_subjects[];
extern const size_t sim_n_subjects;

#endif
