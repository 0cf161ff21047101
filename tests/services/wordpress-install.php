<?php
// Installs WordPress and prints its accounts as JSON. Run once, on the command line, in the site's folder.

define( 'WP_INSTALLING', true );
require getcwd() . '/wp-load.php';
require ABSPATH . 'wp-admin/includes/upgrade.php';

// The installation asks itself over HTTP whether permalinks work; nobody is serving yet.
add_filter( 'pre_http_request', fn() => new WP_Error( 'offline', 'No network while installing.' ) );

const ROLES = array(
	'admin'       => 'administrator',
	'desk'        => 'editor',
	'author'      => 'author',
	'contributor' => 'contributor',
);

function account( string $login, string $role ): array {
	$password = "$login-password";
	$id       = username_exists( $login ) ?: wp_create_user( $login, $password, "$login@example.org" );
	( new WP_User( $id ) )->set_role( $role );
	update_user_meta( $id, 'show_welcome_panel', 0 );
	list( $app_password ) = WP_Application_Passwords::create_new_application_password( $id, array( 'name' => 'Galley' ) );
	return compact( 'id', 'login', 'password', 'app_password' );
}

wp_install( 'The Galley Times', 'admin', 'admin@example.org', false, '', 'admin-password' );
foreach ( get_posts( array( 'post_type' => 'any', 'post_status' => 'any', 'numberposts' => -1 ) ) as $sample ) {
	wp_delete_post( $sample->ID, true );
}

$wp_rewrite->init();
$wp_rewrite->set_permalink_structure( '/%postname%/' );
$wp_rewrite->flush_rules( false );

$accounts = array();
foreach ( ROLES as $login => $role ) {
	$accounts[ $login ] = account( $login, $role );
}
echo json_encode( $accounts );
