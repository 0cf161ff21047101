<?php
// Makes a network of the site, with a second one in the folder /news. Run twice, on the command line, in the site's
// folder: without GALLEY_NETWORK for the tables of a network, with it for the second site.

define( 'WP_INSTALLING', true );
require getcwd() . '/wp-load.php';
require ABSPATH . 'wp-admin/includes/upgrade.php';

add_filter( 'pre_http_request', fn() => new WP_Error( 'offline', 'No network while installing.' ) );

$domain = substr( getenv( 'GALLEY_URL' ), strlen( 'http://' ) );

if ( ! is_multisite() ) {
	require ABSPATH . 'wp-admin/includes/network.php';
	foreach ( $wpdb->tables( 'ms_global' ) as $name => $table ) {
		$wpdb->$name = $table;
	}
	install_network();
	$failed = populate_network( 1, $domain, 'admin@example.org', 'The Galley Network', '/', false );
	exit( is_wp_error( $failed ) ? $failed->get_error_message() : 0 );
}

$admin = username_exists( 'admin' );
$asked = array( 'domain' => $domain, 'path' => '/news/', 'network_id' => 1, 'user_id' => $admin, 'title' => 'News' );
$news  = wp_insert_site( $asked );
if ( is_wp_error( $news ) ) {
	exit( $news->get_error_message() );
}
update_network_option( 1, WP_Application_Passwords::OPTION_KEY_IN_USE, true );
add_user_to_blog( $news, username_exists( 'desk' ), 'editor' );
$wpdb->update( $wpdb->blogs, array( 'domain' => $domain ), array( 'blog_id' => $news ) ); // which has lost its port
switch_to_blog( $news );
update_option( 'home', "http://$domain/news" );
update_option( 'siteurl', "http://$domain/news" );
$wp_rewrite->init();
$wp_rewrite->set_permalink_structure( '/%postname%/' );
$wp_rewrite->flush_rules( false );
