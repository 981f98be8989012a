/* store_sql - generates the SQL statements of a kind from its table of columns. */
#ifndef BX_STORE_SQL_H
#define BX_STORE_SQL_H

#include "state/kind.h"

#define BX_STORE_SQL_MAX 2048u /* bytes of a statement, with the NUL */

/* CREATE TABLE IF NOT EXISTS: the columns, and `data`, the record. */
void bx_store_create_sql(const struct bx_kind_desc *k, char to[BX_STORE_SQL_MAX]);
/* INSERT OR REPLACE; the parameters are the columns in their order, then the record. */
void bx_store_put_sql(const struct bx_kind_desc *k, char to[BX_STORE_SQL_MAX]);
/* DELETE; the parameter is the key. */
void bx_store_delete_sql(const struct bx_kind_desc *k, char to[BX_STORE_SQL_MAX]);
/* SELECT of all rows by key, with three columns of 0 before the record in the places of entry,
 * first and last. */
void bx_store_select_sql(const struct bx_kind_desc *k, char to[BX_STORE_SQL_MAX]);
/* DELETE of every row of every table. */
void bx_store_clear_sql(char to[BX_STORE_SQL_MAX]);

#endif
