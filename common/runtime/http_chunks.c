/* Chunked transfer coding (RFC 9112, 7.1), read strictly. Pure. */
#include "common/runtime/http_private.h"

enum chunk_state { SIZE, EXTENSION, SIZE_LF, DATA, DATA_CR, DATA_LF, TRAILER_START, TRAILER, TRAILER_LF, END_LF, BAD };
enum { SIZE_DIGITS_MAX = 15 };

static int hex_value(uint8_t octet)
{
	if (octet >= '0' && octet <= '9')
		return octet - '0';
	octet |= 0x20;
	return octet >= 'a' && octet <= 'f' ? octet - 'a' + 10 : -1;
}

static uint8_t read_size(struct http_chunks *chunks, uint8_t octet)
{
	int digit = hex_value(octet);
	if (digit >= 0 && chunks->digits < SIZE_DIGITS_MAX) {
		chunks->left = chunks->left * 16 + (uint64_t)digit;
		chunks->digits++;
		return SIZE;
	}
	if (digit >= 0 || chunks->digits == 0)
		return BAD;
	chunks->extra_bytes = 0;
	return octet == '\r' ? SIZE_LF : octet == ';' ? EXTENSION : BAD;
}

static uint8_t read_extension(struct http_chunks *chunks, uint8_t octet)
{
	if (octet == '\r')
		return SIZE_LF;
	return octet == '\n' || ++chunks->extra_bytes > HTTP_CHUNK_EXTENSION_MAX ? BAD : EXTENSION;
}

static uint8_t read_trailer(struct http_chunks *chunks, uint8_t octet)
{
	if (++chunks->extra_bytes > HTTP_TRAILER_BYTES_MAX || octet == '\n')
		return BAD;
	return octet == '\r' ? TRAILER_LF : TRAILER;
}

static uint8_t read_octet(struct http_chunks *chunks, uint8_t octet)
{
	switch ((enum chunk_state)chunks->state) {
	case SIZE:
		return read_size(chunks, octet);
	case EXTENSION:
		return read_extension(chunks, octet);
	case SIZE_LF:
		chunks->digits = 0;
		chunks->extra_bytes = 0;
		return octet != '\n' ? BAD : chunks->left > 0 ? DATA : TRAILER_START;
	case DATA_CR:
		return octet == '\r' ? DATA_LF : BAD;
	case DATA_LF:
		return octet == '\n' ? SIZE : BAD;
	case TRAILER_START:
		return octet == '\r' ? END_LF : read_trailer(chunks, octet);
	case TRAILER:
		return read_trailer(chunks, octet);
	case TRAILER_LF:
		return octet == '\n' ? TRAILER_START : BAD;
	case DATA:
	case END_LF:
	case BAD:
		break;
	}
	return BAD;
}

enum http_chunk_result http_chunks_next(
	struct http_chunks *chunks, struct bytes data, size_t *used, struct bytes *piece)
{
	while (*used < data.size) {
		if (chunks->state == DATA) {
			size_t size = data.size - *used;
			if (size > chunks->left)
				size = (size_t)chunks->left;
			*piece = (struct bytes){data.data + *used, size};
			*used += size;
			chunks->left -= size;
			if (chunks->left == 0)
				chunks->state = DATA_CR;
			return HTTP_CHUNK_DATA;
		}
		uint8_t octet = data.data[(*used)++];
		if (chunks->state == END_LF)
			return octet == '\n' ? HTTP_CHUNK_END : HTTP_CHUNK_BAD;
		chunks->state = read_octet(chunks, octet);
		if (chunks->state == BAD)
			return HTTP_CHUNK_BAD;
	}
	return HTTP_CHUNK_MORE;
}
