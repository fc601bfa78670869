#include "services/control/admin_port.h"

#include <curl/curl.h>
#include <stdio.h>

enum { ASK_MS = 2000, TURN_MS = 100 };

static size_t take_piece(char *data, size_t size, size_t count, void *body)
{
	buffer_add(body, data, size * count);
	return size * count;
}

static CURL *request_new(const char *address, const char *path, struct buffer *body)
{
	char url[160];
	CURL *request = curl_easy_init();
	if (request == NULL)
		return NULL;
	snprintf(url, sizeof(url), "http://%s%s", address, path);
	curl_easy_setopt(request, CURLOPT_URL, url);
	curl_easy_setopt(request, CURLOPT_TIMEOUT_MS, (long)ASK_MS);
	curl_easy_setopt(request, CURLOPT_WRITEFUNCTION, take_piece);
	curl_easy_setopt(request, CURLOPT_WRITEDATA, body);
	curl_easy_setopt(request, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(request, CURLOPT_NOSIGNAL, 1L);
	return request;
}

bool admin_port_fetch(const char *address, const char *path, struct buffer *page)
{
	CURL *request = request_new(address, path, page);
	if (request == NULL)
		return false;
	bool fetched = curl_easy_perform(request) == CURLE_OK;
	curl_easy_cleanup(request);
	buffer_add(page, "", 1);
	return fetched && !page->failed;
}

static void ask(CURLM *all, const char *path, struct admin_page *page)
{
	CURL *request = page->address[0] != '\0' ? request_new(page->address, path, &page->body) : NULL;
	if (request == NULL)
		return;
	curl_easy_setopt(request, CURLOPT_PRIVATE, (void *)page);
	if (curl_multi_add_handle(all, request) != CURLM_OK)
		curl_easy_cleanup(request);
}

static void take_ended(CURLM *all)
{
	int left;
	for (const CURLMsg *message; (message = curl_multi_info_read(all, &left)) != NULL;) {
		CURL *request = message->easy_handle;
		bool ended_well = message->data.result == CURLE_OK;
		char *place = NULL;
		curl_easy_getinfo(request, CURLINFO_PRIVATE, &place);
		struct admin_page *page = (struct admin_page *)(void *)place;
		curl_multi_remove_handle(all, request);
		curl_easy_cleanup(request);
		buffer_add(&page->body, "", 1);
		page->came = ended_well && !page->body.failed;
	}
}

void admin_ports_fetch(const char *path, struct admin_page *pages, size_t count)
{
	CURLM *all = curl_multi_init();
	int running = 1;
	if (all == NULL)
		return;
	for (size_t i = 0; i < count; i++)
		ask(all, path, &pages[i]);
	/* Each request has its own time-out, so this ends. */
	while (curl_multi_perform(all, &running) == CURLM_OK && running > 0)
		curl_multi_poll(all, NULL, 0, TURN_MS, NULL);
	take_ended(all);
	curl_multi_cleanup(all);
}
